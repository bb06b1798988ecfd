import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { freePort } from './free-port.ts'
import { requireProgram } from './programs.ts'
import { sharedService } from './shared-services.ts'
import { tempDir, type TempDir } from './temp-dir.ts'
import { waitFor } from './wait-for.ts'

export interface RedisServerOptions {
  /** More of the server's options, e.g. `{ requirepass: 'x' }`. Default: append-only file, synced every second. */
  readonly config?: Readonly<Record<string, string>>
}

/** A Redis server of one's own, which can be killed, stopped and started again with its data. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open, nothing answers. */
  freeze(): void
  thaw(): void
  /** After a kill: the same port and data. Resolves when it answers. */
  start(): Promise<void>
  /** Ends it for good and removes its data. */
  stop(): Promise<void>
}

export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const program = await requireProgram('redis-server', 'redis-server')
  const folder = await tempDir('redis')
  const port = await freePort()
  try {
    return await ownServer(program, folder, port, options)
  } catch (error) {
    await folder.remove()
    throw error
  }
}

async function ownServer(
  program: string,
  folder: TempDir,
  port: number,
  options: RedisServerOptions,
): Promise<RedisServer> {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder.path,
    save: '',
    appendonly: 'yes',
    appendfsync: 'everysec',
    ...options.config,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, ...value.split(' ')])
  let child: ChildProcess | null = null
  const start = async () => {
    child = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore'], detached: false })
    const own = child
    await waitFor(`Redis on port ${port}`, async () => {
      if (own.exitCode !== null) throw new Error(`redis-server ended with code ${own.exitCode}: ${args.join(' ')}`)
      return answers(port)
    })
  }
  const end = async (signal: NodeJS.Signals) => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  const stop = async () => {
    await end('SIGKILL')
    await folder.remove()
  }
  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill: async () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** True when it answers a command, if only by asking for a password. */
async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('data', (data) => (resolve(!data.toString().startsWith('-LOADING')), socket.destroy()))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}

/** The run's Redis (see shared-redis.ts), and a prefix for keys that nobody else uses; all that begins with it is removed at the end. */
export async function freshRedis(): Promise<{ readonly url: string; readonly prefix: string }> {
  const { url, prefix } = await sharedService('redis')
  if (url === undefined || prefix === undefined) throw new Error('the shared Redis told no url')
  return { url, prefix: `${prefix}${randomBytes(6).toString('hex')}` }
}
