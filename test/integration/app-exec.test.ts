import { once } from 'node:events'
import { connect } from 'node:net'
import type { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type AppDetail, type ExecFrame, execFrame, readExecFrames } from '../../packages/contract/src/index.ts'
import { Client as CliClient } from '../../packages/cli/src/http/client.ts'
import { type CliOptions, runInProcess } from '../support/cli-io.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** Commands in instances, through a whole server and the command line, on the fake runtime. */

let server: TestServer
let app: AppDetail
beforeAll(async () => {
  server = await startTestServer()
  app = await running('worker')
})
afterAll(() => server[Symbol.asyncDispose]())

async function running(name: string, more: object = {}): Promise<AppDetail> {
  const body = { image: 'your-org/api:1', command: ['forever'], env: { LEVEL: 'debug' }, ...more }
  await server.api.ok('POST', `/v1/apps/${name}/deploys`, body)
  return vi.waitUntil(
    async () => {
      const found = await server.api.ok<AppDetail>('GET', `/v1/apps/${name}`)
      return found.instances.every(({ phase }) => phase === 'running') && found.instances.length > 0 ? found : undefined
    },
    { timeout: 20_000, interval: 50 },
  )
}

function panda(argv: readonly string[], options: CliOptions & { token?: string } = {}) {
  const env = { PANDA_URL: server.url, PANDA_TOKEN: options.token ?? server.token }
  return runInProcess(['app', 'exec', ...argv], { ...options, env })
}

/** The lines of the server's log that tell who ran what. */
function audit(): Record<string, unknown>[] {
  const lines = server.logText().trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ unit }) => unit !== undefined)
}

describe('panda app exec', () => {
  it('shows stdout and stderr apart and ends with the exit code of the command', async () => {
    const run = await panda(['worker', '--', 'print', 'out', 'print-err', 'err', 'exit', '3'])
    expect([run.code, run.stdout, run.stderr]).toEqual([3, 'out\n', 'err\n'])
  })

  it('sends what is piped in, and its end', async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 3, 4, 128])
    const run = await panda(['worker', '--', 'cat'], { stdin: bytes })
    expect([run.code, run.bytes]).toEqual([0, bytes])
    expect((await panda(['worker', '--', 'cat'])).code).toBe(0)
  })

  it('of a terminal sends nothing without -i, and then ends what is read', async () => {
    let typed: PassThrough | undefined
    const run = await panda(['worker', '--', 'cat'], { terminal: { columns: 80 }, onStdin: (stdin) => (typed = stdin) })
    expect([run.code, run.stdout, typed?.destroyed]).toEqual([0, '', false])
  })

  it('gives a terminal: keys as they are typed, its size and each new one', async () => {
    const raw: boolean[] = []
    let stdin: PassThrough | undefined
    const run = await panda(['worker', '-it', '--', 'size'], {
      terminal: { columns: 97, rows: 13 },
      onStdin: (given) => (stdin = given),
      onRawMode: (mode) => raw.push(mode),
      onOutput: (text) => void (text.includes('97x13') && stdin?.end()),
    })
    expect([run.code, run.stdout, raw]).toEqual([0, '97x13\n', [true, false]])
  })

  it('needs a terminal for -t, and a command', async () => {
    const run = await panda(['worker', '-it', '--', 'cat'])
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('-t needs a terminal')])
    expect(await panda(['worker'])).toMatchObject({ code: 2, stderr: expect.stringContaining('behind --') })
  })

  it('says 127 for a command that is not there', async () => {
    const run = await panda(['worker', '--', 'nonsense'])
    expect([run.code, run.stderr]).toEqual([127, expect.stringContaining('nonsense')])
  })

  it('runs in the instance that is named', async () => {
    const two = await running('pair', { replicas: 2 })
    for (const { name, id } of two.instances) {
      expect((await panda(['pair', '--instance', name, '--', 'print', 'hi'])).code).toBe(0)
      expect(audit().at(-1)).toMatchObject({ instance: name, unit: expect.stringContaining(id.slice(4)) })
    }
    const run = await panda(['pair', '--instance', 'pair-nobody', '--', 'cat'])
    expect([run.code, run.stderr]).toEqual([3, expect.stringContaining('has no instance "pair-nobody"')])
  })

  it('ends when the instance does, and says so', async () => {
    await running('short')
    const ended = panda(['short', '--', 'print', 'begun', 'forever'], {
      onOutput: (text) => {
        if (text.includes('begun')) void server.api.ok('POST', '/v1/apps/short/stop')
      },
    })
    expect(await ended).toMatchObject({ code: 1, stderr: expect.stringContaining('the instance ended meanwhile') })
    await waitFor('the end', async () => (await server.api.ok<AppDetail>('GET', '/v1/apps/short')).ready === 0)
    const run = await panda(['short', '--', 'cat'])
    expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/No instance of the app "short" is running/)])
  })
})

describe('who may', () => {
  it('is told by the scope: a token that reads may not', async () => {
    const { token } = await server.clientWith(['read', 'run'])
    const run = await panda(['worker', '--', 'cat'], { token: token ?? '' })
    expect([run.code, run.stderr]).toEqual([4, expect.stringContaining('write')])
  })

  it('sees no app of another project', async () => {
    await server.api.ok('POST', '/v1/projects', { name: 'other' })
    const { token } = await server.clientWith(['admin'], 'other')
    expect(await panda(['worker', '--', 'cat'], { token: token ?? '' })).toMatchObject({ code: 3 })
    expect((await panda(['nobody', '--', 'cat'])).code).toBe(3)
  })

  it('is written down, with the instance, the command and its end; what went through is not', async () => {
    await panda(['worker', '--', 'print', 'one', 'exit', '7'], { stdin: 'a-very-secret-input' })
    const instance = app.instances[0]?.name
    const who = { by: expect.any(String), project: 'default', app: 'worker', instance, tty: false }
    const [began, ended] = audit().slice(-2)
    expect(began).toMatchObject({ ...who, level: 'info', command: ['print', 'one', 'exit', '7'] })
    expect(ended).toMatchObject({ ...who, exitCode: 7, ms: expect.any(Number) })
    expect(server.logText()).not.toContain('a-very-secret-input')
  })

  it('loses its connection when the token is revoked', async () => {
    const { id, token } = await server.api.ok<{ id: string; token: string }>('POST', '/v1/tokens', {
      name: 'short-lived',
      scopes: ['write'],
    })
    const run = await panda(['worker', '--', 'print', 'begun', 'forever'], {
      token,
      onOutput: (text) => {
        if (text.includes('begun')) void server.api.ok('DELETE', `/v1/tokens/${id}`)
      },
    })
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('The token is not known here') })
  })
})

describe('the connection', () => {
  const open = () =>
    new CliClient({ url: server.url, token: server.token, project: undefined, from: 'test' } as never).upgrade(
      '/v1/apps/worker/exec',
      {},
      'panda-exec',
    )

  async function answersTo(...frames: Buffer[]): Promise<ExecFrame[]> {
    const socket = await open()
    for (const frame of frames) socket.write(frame)
    const answers: ExecFrame[] = []
    for await (const { kind, payload } of readExecFrames(socket)) answers.push({ kind, payload: Buffer.from(payload) })
    return answers
  }

  const end = (frames: ExecFrame[]) => JSON.parse(frames.at(-1)?.payload.toString() ?? '') as unknown

  it('is refused without an upgrade', async () => {
    const reply = await server.api.call('POST', '/v1/apps/worker/exec')
    expect(reply).toMatchObject({ status: 426, body: { code: 'upgrade_required' } })
  })

  it('is ended with the reason for who does not keep to the protocol', async () => {
    const start = (body: unknown) => execFrame('start', Buffer.from(JSON.stringify(body)))
    const cases: [Buffer, RegExp][] = [
      [execFrame('stdin', Buffer.from('x')), /first frame/],
      [execFrame('start', Buffer.from('{')), /not JSON/],
      [start({ command: [], tty: null }), /not valid/],
      [start({ command: ['cat'], tty: null, privileged: true }), /not valid/],
      [Buffer.from('\0\xff\xff\xff\xff', 'latin1'), /a frame of/],
    ]
    for (const [bytes, why] of cases) {
      expect(end(await answersTo(bytes))).toEqual({ code: null, message: expect.stringMatching(why) })
    }
    const resized = await answersTo(start({ command: ['cat'], tty: null }), execFrame('resize', Buffer.from('{}')))
    expect(end(resized)).toMatchObject({ code: null })
    expect(server.logText()).not.toContain('"a taken-over connection broke off"')
  })

  it('that the client leaves ends the input of the command, and is written down', async () => {
    const socket = await open()
    socket.write(execFrame('start', Buffer.from(JSON.stringify({ command: ['forever'], tty: null }))))
    await waitFor('the start', () => audit().at(-1)?.['command'] !== undefined)
    socket.destroy()
    await waitFor('the end', () => audit().at(-1)?.['why'] === 'the client has gone')
  })

  it('for another protocol is answered as an ordinary call', async () => {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    const body = JSON.stringify({ name: 'by-h2c' })
    socket.write(
      `POST /v1/projects HTTP/1.1\r\nHost: panda\r\nAuthorization: Bearer ${server.token}\r\n` +
        'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n' +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 201 /)
    // And the connection goes on.
    socket.write(`GET /healthz HTTP/1.1\r\nHost: panda\r\n\r\n`)
    expect(((await once(socket, 'data')) as [Buffer])[0].toString()).toMatch(/^HTTP\/1\.1 200 /)
    socket.destroy()
  })
})

it('a stop of the server ends a command with the reason, within its time', async () => {
  const own = await startTestServer()
  try {
    const { api } = own
    await api.ok('POST', '/v1/apps/worker/deploys', { image: 'your-org/api:1', command: ['forever'] })
    await waitFor('the instance', async () => {
      const { instances } = await api.ok<AppDetail>('GET', '/v1/apps/worker')
      return instances[0]?.phase === 'running'
    })
    const env = { PANDA_URL: own.url, PANDA_TOKEN: own.token }
    let stopped: Promise<void> | undefined
    const run = await runInProcess(['app', 'exec', 'worker', '--', 'print', 'begun', 'forever'], {
      env,
      onOutput: (text) => {
        if (text.includes('begun')) stopped = own.stop()
      },
    })
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('the server is stopping') })
    await stopped
  } finally {
    await own[Symbol.asyncDispose]()
  }
})
