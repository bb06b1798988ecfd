import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { tempDir } from './temp-dir.ts'

/**
 * What becomes of one call: `lose` = the engine does it and its answer never arrives; `hold` = the answer arrives when it
 * is let go; `pass` = as without the proxy.
 */
export type Fate = 'pass' | 'lose' | 'hold'

export interface EngineProxy extends AsyncDisposable {
  readonly socketPath: string
  /** Asked with `POST /containers/create` and the like, without version and query. Default: all pass. */
  fate: (call: string) => Fate
  /** Calls that were lost or held, in order. */
  readonly harmed: readonly string[]
  /** Lets the held answers go. */
  release(): void
}

/** A socket in front of the engine's, on which answers are lost and come late. */
export async function engineProxy(targetSocket: string): Promise<EngineProxy> {
  const dir = await tempDir('engine-proxy')
  const socketPath = join(dir.path, 'engine.sock')
  const harmed: string[] = []
  const held = new Set<() => void>()
  const server = createServer((near, answer) => pass(near, answer))
  const pass = (near: IncomingMessage, answer: ServerResponse): void => {
    const { method = 'GET', url = '/', headers } = near
    const call = `${method} ${url.replace(/\?.*/, '').replace(/^\/v[\d.]+/, '')}`
    const far = request({ socketPath: targetSocket, method, path: url, headers })
    near.pipe(far)
    answer.once('close', () => far.destroy())
    far.on('error', () => near.socket.destroy())
    far.once('response', (told) => {
      const fate = proxy.fate(call)
      if (fate === 'pass') return forward(told, answer)
      harmed.push(call)
      if (fate === 'hold') return void held.add(() => forward(told, answer))
      // The engine has done it by the end of its answer.
      told.resume().once('close', () => near.socket.destroy())
    })
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  const proxy: EngineProxy = {
    socketPath,
    harmed,
    fate: () => 'pass',
    release() {
      for (const go of held) go()
      held.clear()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await dir.remove()
    },
  }
  return proxy
}

function forward(told: IncomingMessage, answer: ServerResponse): void {
  answer.writeHead(told.statusCode ?? 500, told.headers)
  answer.flushHeaders()
  told.pipe(answer)
  told.once('close', () => answer.end())
  told.on('error', () => answer.destroy())
}
