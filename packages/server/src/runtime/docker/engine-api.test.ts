import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createNetServer, type Server as NetServer, Socket } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { tempDir, type TempDir } from '../../../../../test/support/temp-dir.ts'
import { RuntimeError } from '../driver.ts'
import { DockerDriver } from './docker-driver.ts'
import { EngineApi, refusal } from './engine-api.ts'

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step()
})

async function folder(): Promise<TempDir> {
  const dir = await tempDir('engine-api')
  undo.push(async () => dir.remove())
  return dir
}

async function listenAt(server: Server | NetServer, path: string): Promise<void> {
  await new Promise<void>((done) => server.listen(path, done))
  undo.push(async () => new Promise((done) => server.close(done)))
}

async function engine(answer: RequestListener): Promise<EngineApi> {
  const path = join((await folder()).path, 'engine.sock')
  const server = createServer(answer)
  await listenAt(server, path)
  undo.push(async () => server.closeAllConnections())
  return new EngineApi({ kind: 'unix', path })
}

describe('EngineApi', () => {
  it('sends path, query and body, and gives every status with its body', async () => {
    const seen: string[] = []
    const api = await engine((request, response) => {
      request.setEncoding('utf8')
      let body = ''
      request.on('data', (part: string) => (body += part))
      request.on('end', () => {
        seen.push(`${request.method} ${request.url} ${body}`)
        response.writeHead(418).end('{"message":" short and stout\\n"}')
      })
    })
    const query = { name: 'a b', all: true }
    const answer = await api.call({ method: 'POST', path: '/x', query, body: { A: 1 } })
    expect(answer.status).toBe(418)
    expect(refusal(answer)).toBe('short and stout')
    expect(refusal({ status: 502, body: '<html>' })).toBe('<html>')
    expect(refusal({ status: 502, body: null })).toBe('status 502')
    await api.call({ method: 'GET', path: '/y' })
    expect(seen).toEqual(
      ['POST /x?name=a%20b&all=true {"A":1}', 'GET /y '].map((text) => expect.stringContaining(text.trim())),
    )
  })

  it('does not look into the connections that are open, whatever the client would log', async () => {
    let looks = 0
    const api = await engine((request, response) => void (request.url?.startsWith('/long') || response.end('{}')))
    const long = api.call({ method: 'GET', path: '/long' }).catch((error: unknown) => error)
    await api.call({ method: 'GET', path: '/ping' })
    Object.defineProperty(Socket.prototype, inspect.custom, { configurable: true, value: () => `look ${looks++}` })
    undo.push(async () => Reflect.deleteProperty(Socket.prototype, inspect.custom))
    await api.call({ method: 'GET', path: '/ping' })
    expect(looks).toBe(0)
    api.close()
    expect(await long).toBeInstanceOf(RuntimeError)
  })

  it('goes to its own address, whatever DOCKER_HOST says', async () => {
    const before = process.env['DOCKER_HOST']
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1'
    try {
      const api = await engine((_request, response) => response.end('{}'))
      expect((await api.call({ method: 'GET', path: '/x' })).status).toBe(200)
    } finally {
      if (before === undefined) delete process.env['DOCKER_HOST']
      else process.env['DOCKER_HOST'] = before
    }
  })

  it('says at once that nobody is there, and notes the outage', async () => {
    const api = new EngineApi({ kind: 'unix', path: '/no/such.sock' })
    await expect(api.call({ method: 'GET', path: '/x' })).rejects.toMatchObject({
      name: 'RuntimeError',
      code: 'engine-away',
      message: expect.stringContaining('unix:///no/such.sock'),
    })
  })

  it('gives up on an engine that takes the call and does not answer', async () => {
    const path = join((await folder()).path, 'mute.sock')
    const mute = createNetServer((socket) => void socket.on('error', () => undefined).resume())
    await listenAt(mute, path)
    const api = new EngineApi({ kind: 'unix', path })
    const call = api.call({ method: 'GET', path: '/x', timeoutMs: 100 })
    await expect(call).rejects.toMatchObject({ code: 'engine-away', message: expect.stringContaining('0.1 s') })
    const reason = new Error('enough')
    const aborted = api.call({ method: 'GET', path: '/x', signal: AbortSignal.abort(reason) })
    await expect(aborted).rejects.toBe(reason)
  })

  it('does not hang on an answer that breaks off in its body', async () => {
    const api = await engine((_request, response) => {
      response.writeHead(200).write('{"StatusCode"')
      setImmediate(() => response.destroy())
    })
    await expect(api.call({ method: 'POST', path: '/wait' })).rejects.toMatchObject({ code: 'engine-away' })
    expect((await api.open({ method: 'POST', path: '/wait' })).statusCode).toBe(200)
  })

  it('leaves no listener on a signal that lives on', async () => {
    const api = await engine((_request, response) => response.end('{}'))
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...args)
    }
    for (let call = 0; call < 20; call += 1) await api.call({ method: 'GET', path: '/x', signal })
    expect(listeners).toBe(0)
  })
})

describe('DockerDriver without its engine', () => {
  it('says so in every call, and is as good as new when it comes', async () => {
    const path = join((await folder()).path, 'late.sock')
    const driver = new DockerDriver({ endpoint: { kind: 'unix', path } })
    const calls = [
      driver.info(),
      driver.inspect('x'),
      driver.list('i'),
      driver.remove('x'),
      driver.stop('x', 0),
      driver.ensureImage('x', { pull: 'missing', auth: null }),
    ]
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'engine-away' } })
    }
    const answers = createServer((_request, response) => response.writeHead(404).end('{"message":"No such container"}'))
    await listenAt(answers, path)
    undo.push(async () => answers.closeAllConnections())
    expect(await driver.inspect('x')).toBeNull()
    await driver.close()
  })
})
