import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppDetail, JobView } from '@pandastack/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ServerProcess } from '../chaos/server-process.ts'
import { freePort } from '../support/free-port.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { type RedisServer, startRedisServer } from '../support/redis.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import { Panda } from './panda.ts'
import { userEnvironment } from './world.ts'

/** The article's second pattern on the platform: a worker as an app, with the SDK's real queue, as plain processes. */

expectNoChildProcesses()

const sdk = join(import.meta.dirname, '../../packages/sdk/dist/index.js')
/** As the article has it; each job says which version did it, and how often. */
const WORKER = (version: number): string => `
import { Queue } from ${JSON.stringify(sdk)}
const queue = new Queue('uploads')
queue.process(async (job) => {
  await new Promise((resolve) => setTimeout(resolve, job.data.ms))
  console.log('did ' + job.data.n + ' with v${version}')
})
`

let home: TempDir
let database: MigratedDatabase
let redis: RedisServer
let server: ServerProcess
let panda: Panda

beforeAll(async () => {
  home = await tempDir('home')
  database = await migratedDatabase()
  redis = await startRedisServer()
  const env = { PANDA_RUNTIME: 'process', DOCKER_HOST: 'unix:///nowhere/docker.sock' }
  server = new ServerProcess({ home: home.path, databaseUrl: database.url, env })
  await server.start()
  panda = new Panda(userEnvironment(home.path))
  for (const version of [1, 2]) await writeFile(join(home.path, `worker${version}.mjs`), WORKER(version))
  await panda.ok(['env', 'set', `REDIS_URL=${redis.url}`])
})
afterAll(async () => {
  await server.stop()
  await redis.stop()
  await database[Symbol.asyncDispose]()
  await home.remove()
})

const worker = (version: number): string[] => ['--', process.execPath, join(home.path, `worker${version}.mjs`)]
const app = () => panda.json<AppDetail>(['app', 'get', 'thumbnailer'])
const live = (detail: AppDetail) => detail.instances.filter(({ finishedAt }) => finishedAt === null)

async function add(n: number, ms: number): Promise<string> {
  return (await panda.ok(['queue', 'add', 'uploads', JSON.stringify({ n, ms }), '-o', 'name'])).trim()
}

async function logged(): Promise<string> {
  return panda.ok(['app', 'logs', 'thumbnailer', '--tail', '1000'])
}

describe.sequential('a worker as an app', () => {
  it('is ready as soon as it has registered with its queue', async () => {
    const words = ['app', 'deploy', '--name', 'thumbnailer', '--image', 'your-org/api:latest', '--ready', 'registered']
    const { code, stdout, stderr } = await panda.run([...words, ...worker(1)])
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('Deployed app thumbnailer: 1 of 1 ready, revision 1.')
    const [instance] = live(await app())
    expect(instance).toMatchObject({ ready: true, state: 'running', restarts: 0 })
  })

  it('is replaced in the middle of a job: the job is finished once, and nothing is lost', async () => {
    const ids = [await add(1, 3000), await add(2, 0), await add(3, 0)]
    await waitFor('the first job to run', async () => {
      const job = await panda.json<JobView>(['queue', 'job', 'uploads', ids[0] ?? ''])
      return job.state === 'running'
    })
    const { code, stdout, stderr } = await panda.run(['app', 'deploy', 'thumbnailer', ...worker(2)])
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/1 of 1 old instances have ended; \d+ finished, \d+ handed back/)
    for (const id of ids) {
      await waitFor('the job to be done', async () => {
        const job = await panda.json<JobView>(['queue', 'job', 'uploads', id])
        return job.state === 'succeeded'
      })
    }
    const lines = (await logged()).split('\n').filter((line) => line.includes('did '))
    for (const n of [1, 2, 3]) expect(lines.filter((line) => line.includes(`did ${n} with`))).toHaveLength(1)
    expect(lines.some((line) => line.includes('did 1 with v1'))).toBe(true)
    expect(await logged()).not.toContain('panda::')
  })

  it('is not ready while one of its queues is out of reach, and the deploy names it', async () => {
    const file = join(home.path, 'two-queues.mjs')
    const away = `redis://127.0.0.1:${await freePort()}`
    await writeFile(
      file,
      `import { Queue } from ${JSON.stringify(sdk)}
new Queue('previews').process(async () => undefined)
new Queue('far-away', { url: ${JSON.stringify(away)} }).process(async () => undefined, { onError: () => undefined })`,
    )
    const words = ['app', 'deploy', 'two-queues', '--image', 'your-org/api:1', '--ready-timeout', '8s']
    const { code, stderr } = await panda.run([...words, '--', process.execPath, file])
    expect(code).toBe(5)
    expect(stderr).toContain('0 of 1 instances were ready within 8s; not registered: queue far-away')
    await panda.ok(['app', 'delete', 'two-queues', '--yes'])
  })

  it('that dies while it drains: the deploy says what it held, and the next one does it', async () => {
    const file = join(home.path, 'dying.mjs')
    await writeFile(
      file,
      `import { Queue } from ${JSON.stringify(sdk)}
process.on('SIGTERM', () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), 500))
new Queue('dying').process(async (job) => {
  if (process.env.VERSION === '1') await new Promise((resolve) => setTimeout(resolve, 60_000))
  console.log('did it after all')
})`,
    )
    const deploy = ['app', 'deploy', 'dying', '--image', 'your-org/api:1', '--ready', 'registered']
    const command = ['--', process.execPath, file]
    await panda.ok([...deploy, '--env', 'VERSION=1', ...command])
    const id = (await panda.ok(['queue', 'add', 'dying', '{}', '-o', 'name'])).trim()
    const state = async () => (await panda.json<JobView>(['queue', 'job', 'dying', id])).state
    await waitFor('the job to run', async () => (await state()) === 'running')
    const stdout = await panda.ok([...deploy, '--env', 'VERSION=2', ...command])
    expect(stdout).toContain('0 finished, 0 handed back, 1 lost with them: they come again when their leases end')
    await waitFor('the job to be done by the next one', async () => (await state()) === 'succeeded', 60_000)
    await panda.ok(['app', 'delete', 'dying', '--yes'])
  })

  it('is scaled by hand', async () => {
    expect(await panda.ok(['app', 'scale', 'thumbnailer', '3'])).toContain('Scaled app thumbnailer: 3 of 3 ready')
    expect(await panda.ok(['app', 'scale', 'thumbnailer', '1'])).toContain('1 of 1 ready')
    expect(live(await app())).toHaveLength(1)
  })

  it('stays as it is when a deploy fails, which is told with its last lines', async () => {
    const broken = ['--', process.execPath, '-e', 'console.log("no such table"); process.exit(3)']
    const { code, stdout, stderr } = await panda.run(['app', 'deploy', 'thumbnailer', ...broken])
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' })
    expect(stderr).toContain('the last time it exited with code 3. Revision 2 goes on as before.')
    expect(stderr).toContain('  no such table\n')
    expect(stderr).toContain('code deploy_failed')
    await add(4, 0)
    await waitFor('the worker that stayed', async () => (await logged()).includes('did 4 with v2'))
  })

  it('that never registers fails when its time is over', async () => {
    const words = [
      'app',
      'deploy',
      'silent',
      '--image',
      'your-org/api:1',
      '--ready',
      'registered',
      '--ready-timeout',
      '1s',
    ]
    const { code, stderr } = await panda.run([...words, '--', process.execPath, '-e', 'setInterval(() => {}, 1000)'])
    expect(code).toBe(5)
    expect(stderr).toContain('0 of 1 instances were ready within 1s')
    await panda.ok(['app', 'delete', 'silent', '--yes'])
  })

  it('is rolled back, stopped, started, deleted', async () => {
    expect(await panda.ok(['app', 'rollback', 'thumbnailer'])).toContain('Rolled back app thumbnailer: 1 of 1 ready')
    await add(5, 0)
    await waitFor('the first version to work again', async () => (await logged()).includes('did 5 with v1'))
    expect(await panda.ok(['app', 'stop', 'thumbnailer'])).toContain('Stopped app thumbnailer.')
    expect(await panda.ok(['app', 'start', 'thumbnailer'])).toContain('Started app thumbnailer: 1 of 1 ready')
    expect(await panda.ok(['app', 'list', '-o', 'name'])).toBe('thumbnailer\n')
    await panda.ok(['app', 'delete', 'thumbnailer', '--yes'])
    const { code, stderr } = await panda.run(['app', 'get', 'thumbnailer'])
    expect(code).toBe(3)
    expect(stderr).toContain('There is no app "thumbnailer"')
    await waitFor('its processes to end', async () => {
      const left = await database.db.selectFrom('app_instances').select('id').where('finished_at', 'is', null).execute()
      return left.length === 0
    })
  })
})

/** An HTTP API: with this runtime it listens at the machine's port by itself. */
const API = (version: string): string[] => [
  '--',
  process.execPath,
  '-e',
  `require('http').createServer((_, answer) => answer.end('${version}')).listen(process.env.PORT, '127.0.0.1')`,
]

describe.sequential('an HTTP API as an app', () => {
  let port: number
  beforeAll(async () => {
    port = await freePort()
  })
  const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text()

  it('answers at its published port, which is shown', async () => {
    const words = ['app', 'deploy', 'api', '--image', 'your-org/api:1', '--port', `${port}:3000`, '--drain', '1s']
    expect(await panda.ok([...words, ...API('v1')])).toContain('Deployed app api: 1 of 1 ready, revision 1.')
    expect(await ask()).toBe('v1')
    expect(await panda.ok(['app', 'get', 'api'])).toMatch(
      new RegExp(`Port +127\\.0\\.0\\.1:${port}, in the container 3000`),
    )
    expect(await panda.ok(['app', 'list'])).toMatch(new RegExp(`PORT[^]*127\\.0\\.0\\.1:${port} `))
  })

  it('is replaced in place, and told what it waits for', async () => {
    const { code, stdout, stderr } = await panda.run(['app', 'deploy', 'api', ...API('v2')])
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('1 of 1 old instances have ended')
    expect(await ask()).toBe('v2')
  })

  it('comes back as it was when a deploy fails', async () => {
    const { code, stderr } = await panda.run(['app', 'deploy', 'api', '--', process.execPath, '-e', 'process.exit(3)'])
    expect(code).toBe(5)
    expect(stderr).toMatch(/the last time it exited with code 3\. Revision 2 (?:is started again|goes on as before)\./)
    await waitFor('the revision before', async () => (await ask().catch(() => '')) === 'v2')
  })

  it('is refused a second instance and a wrong port, with what to write', async () => {
    const scaled = await panda.run(['app', 'scale', 'api', '2'])
    expect(scaled.code).not.toBe(0)
    expect(scaled.stderr).toContain('which only one instance can have; 2 are wanted')
    expect(scaled.stderr).toContain('panda app deploy api --port none')
    const wrong = await panda.run(['app', 'deploy', 'api', '--port', '3000'])
    expect(wrong.stderr).toContain('"3000" is not a port; write 8080:3000')
  })

  it('gives its port back', async () => {
    await panda.ok([
      'app',
      'deploy',
      'api',
      '--port',
      'none',
      '--',
      process.execPath,
      '-e',
      'setInterval(() => {}, 1000)',
    ])
    expect(await panda.ok(['app', 'get', 'api'])).not.toMatch(/^Port/m)
    await expect(ask()).rejects.toThrow()
    await panda.ok(['app', 'delete', 'api', '--yes'])
  })
})
