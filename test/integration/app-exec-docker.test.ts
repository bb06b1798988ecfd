import { randomBytes } from 'node:crypto'
import type { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppDetail } from '../../packages/contract/src/index.ts'
import { type CliOptions, runInProcess } from '../support/cli-io.ts'
import { leakCheck, type SharedDocker, sharedDocker } from '../support/docker.ts'
import { testImage } from '../support/images.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** Commands in instances on a real engine. */

const MIB = 1024 * 1024
let docker: SharedDocker
let server: TestServer

beforeAll(async () => {
  docker = await sharedDocker()
  const image = await testImage('busybox')
  server = await startTestServer({ config: { runtime: 'docker', dockerHost: `unix://${docker.socketPath}` } })
  const body = { image, pull: 'never', command: ['sleep', '600'], env: { LEVEL: 'debug' }, drain: '1s' }
  await server.api.ok('POST', '/v1/apps/worker/deploys', body)
  await waitFor('the instance', async () => (await get()).instances[0]?.phase === 'running', 60_000)
})

afterAll(async () => {
  await server.api.call('DELETE', '/v1/apps/worker')
  const { id } = await server.db.selectFrom('installation').select('id').executeTakeFirstOrThrow()
  const filters = { label: [`panda.installation=${id}`] }
  const gone = async () => (await docker.engine.listContainers({ all: true, filters })).length === 0
  await waitFor('the containers to be removed', gone, 60_000)
  await server.stop()
  await leakCheck(docker.socketPath, id)
  await server[Symbol.asyncDispose]()
})

const get = () => server.api.ok<AppDetail>('GET', '/v1/apps/worker')

function panda(argv: readonly string[], options: CliOptions = {}) {
  const env = { PANDA_URL: server.url, PANDA_TOKEN: server.token }
  return runInProcess(['app', 'exec', 'worker', ...argv], { ...options, env })
}

describe('panda app exec in a container', () => {
  it('keeps both streams apart and tells the exit code', async () => {
    const run = await panda(['--', 'sh', '-c', 'echo "out $LEVEL"; echo err >&2; exit 3'])
    expect([run.code, run.stdout, run.stderr]).toEqual([3, 'out debug\n', 'err\n'])
  })

  it('carries a megabyte of any bytes there and back', async () => {
    const bytes = randomBytes(MIB)
    const run = await panda(['--', 'cat'], { stdin: bytes })
    expect(run.code).toBe(0)
    expect(run.bytes.equals(bytes)).toBe(true)
  })

  it('ends with the command, though more input comes', async () => {
    let stdin: PassThrough | undefined
    const run = await panda(['--', 'head', '-c', '5'], {
      onStdin: (given) => {
        stdin = given
        given.write(Buffer.alloc(2 * MIB, 'x'))
      },
    })
    expect([run.code, run.stdout, stdin?.destroyed]).toEqual([0, 'xxxxx', true])
  })

  it('says 127 for a command that is not there, on stderr', async () => {
    const run = await panda(['--', 'no-such-command'])
    expect([run.code, run.stdout]).toEqual([127, ''])
    expect(run.stderr).toContain('no-such-command')
  })

  it('gives a shell on a terminal that heeds Ctrl-C', async () => {
    let stdin: PassThrough | undefined
    let shown = ''
    // Behind its prompt busybox asks the terminal where the cursor is.
    const prompt = /[#$] [^\n]*$/
    const steps: [RegExp, string][] = [
      [prompt, 'tty; stty size; sleep 300\r'],
      [/31 101\r\n/, '\x03'],
      [prompt, 'exit 9\r'],
    ]
    const run = await panda(['-it', '--', 'sh'], {
      terminal: { columns: 101, rows: 31 },
      onStdin: (given) => (stdin = given),
      onOutput: (text) => {
        shown += text
        const [step] = steps
        if (step === undefined || !step[0].test(shown)) return
        steps.shift()
        shown = ''
        stdin?.write(step[1])
      },
    })
    expect(run.stdout).toContain('/dev/pts/')
    expect(run.code).toBe(9)
  })

  it('has no more rights than the container', async () => {
    const status = 'grep -E "CapEff|NoNewPrivs" /proc/self/status; id -u'
    const [own, other] = await Promise.all([
      panda(['--', 'sh', '-c', status]),
      panda(['--', 'sh', '-c', status.replace('self', '1').replace('; id -u', '')]),
    ])
    expect(own.stdout).toMatch(/CapEff:\s+0{16}\n[^]*NoNewPrivs:\s+1\n/)
    expect(own.stdout.startsWith(other.stdout)).toBe(true)
    expect((await panda(['--', 'mount', '-t', 'tmpfs', 'none', '/tmp'])).code).not.toBe(0)
  })

  it('ends when the container is killed under it', async () => {
    const { instances } = await get()
    const { id } = await server.db.selectFrom('installation').select('id').executeTakeFirstOrThrow()
    const filters = { label: [`panda.installation=${id}`] }
    const killIt = async () => {
      const [found] = await docker.engine.listContainers({ filters })
      await docker.engine.getContainer(found?.Id ?? '').kill()
    }
    const run = await panda(['--', 'sh', '-c', 'echo begun; sleep 300'], {
      onOutput: (text) => {
        if (text.includes('begun')) void killIt()
      },
    })
    expect([1, 137]).toContain(run.code)
    await waitFor(
      'the next start',
      async () => {
        const [now] = (await get()).instances
        return now?.id === instances[0]?.id && now?.restarts === 1 && now.phase === 'running'
      },
      60_000,
    )
    expect((await panda(['--', 'true'])).code).toBe(0)
  })
})
