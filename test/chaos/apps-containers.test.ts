import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppDetail, AppLogLine, DeployApp } from '../../packages/contract/src/index.ts'
import { Client } from '../support/api-client.ts'
import { leakCheck, sharedDocker } from '../support/docker.ts'
import { testImage } from '../support/images.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import { printFigures } from './figures.ts'
import { readInstallation } from './history.ts'
import { ServerProcess } from './server-process.ts'

/** Images that misbehave, as real containers: the server lives, says what is wrong, and leaves nothing behind. */

expectNoChildProcesses()

const LIMIT_MS = 90_000
const MIB = 1024 ** 2
const LOG_KEEP_BYTES = MIB
const FLOOD_LINE = '0123456789'.repeat(9)
const FLOOD_LINES = 130_000
const FLOOD_BYTES = FLOOD_LINES * (FLOOD_LINE.length + 1)
/** The whole of a window, the quarter that may come on top of it, and what is on its way to the database. */
const LOG_ROOM_BYTES = LOG_KEEP_BYTES * 1.5
const SERVER_MEMORY_LIMIT_MIB = 500
const API_LIMIT_MS = 3000

let database: MigratedDatabase
let home: TempDir
let server: ServerProcess
let api: Client
let image: string
let socketPath: string

beforeAll(async () => {
  ;({ socketPath } = await sharedDocker())
  image = await testImage('busybox')
  database = await migratedDatabase()
  home = await tempDir('home')
  const env = {
    PANDA_RUNTIME: 'docker',
    DOCKER_HOST: `unix://${socketPath}`,
    PANDA_LOG_LIMIT: String(LOG_KEEP_BYTES),
  }
  server = new ServerProcess({ home: home.path, databaseUrl: database.url, env })
  api = new Client(await server.start(), (await readFile(join(home.path, 'token'), 'utf8')).trim())
})

afterAll(async () => {
  const installation = await readInstallation(database.url)
  await server.stop()
  await leakCheck(socketPath, installation)
  await database[Symbol.asyncDispose]()
  await home.remove()
})

const get = (name: string) => api.ok<AppDetail>('GET', `/v1/apps/${name}`)
const live = (app: AppDetail) => app.instances.filter(({ finishedAt }) => finishedAt === null)

function deploy(name: string, script: string, more: DeployApp = {}): Promise<AppDetail> {
  const command = ['sh', '-c', script]
  return api.ok('POST', `/v1/apps/${name}/deploys`, {
    image,
    pull: 'never',
    command,
    memory: '32Mi',
    cpus: 0.5,
    ...more,
  })
}

function reached(name: string, what: string, is: (app: AppDetail) => boolean): Promise<AppDetail> {
  return waitFor(
    `${name} to be ${what}`,
    async () => {
      const app = await get(name)
      return is(app) ? app : undefined
    },
    LIMIT_MS,
  )
}

const failed = (name: string) => reached(name, 'failed', (app) => app.state === 'failed' && live(app).length === 0)
const ready = (name: string, revision = 1) =>
  reached(name, 'ready', (app) => app.readyRevision === revision && live(app).length === app.replicas)

/** And waits until its containers are gone. */
async function remove(name: string): Promise<void> {
  await api.call('DELETE', `/v1/apps/${name}`)
  const { engine } = await sharedDocker()
  const filters = { label: [`panda.installation=${await readInstallation(database.url)}`, `panda.resource=${name}`] }
  const isGone = async () => (await engine.listContainers({ all: true, filters })).length === 0
  await waitFor(`the containers of ${name} to go`, isGone, LIMIT_MS)
}

async function logOf(name: string): Promise<AppLogLine[]> {
  return (await api.ok<{ items: AppLogLine[] }>('GET', `/v1/apps/${name}/logs?tail=100`)).items
}

function serverMemoryMiB(): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

describe.concurrent('an image', () => {
  it('that exits at once fails its deploy after three starts, with the last words of each', async () => {
    await deploy('quitter', 'echo no config; exit 3', { ready: 'registered' })
    const app = await failed('quitter')
    expect(app.deploy.message).toBe(
      'an instance ended 3 times before it was ready; the last time it exited with code 3',
    )
    const words = (await logOf('quitter')).filter(({ text }) => text === 'no config')
    expect(words.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    await remove('quitter')
  })

  it('that never registers fails its deploy when its time is over', async () => {
    await deploy('silent', 'exec sleep 1000', { ready: 'registered', readyTimeout: '3s', drain: '1s' })
    const app = await failed('silent')
    expect(app.deploy.message).toBe('0 of 1 instances were ready within 3s')
    expect(app.instances[0]).toMatchObject({ state: 'cancelled', reason: 'not-ready', restarts: 0 })
    await remove('silent')
  })

  it('that ignores SIGTERM is killed when its drain time is over, and that is said', async () => {
    await deploy('stubborn', `trap '' TERM; while :; do sleep 1; done`, { drain: '2s' })
    await ready('stubborn')
    await deploy('stubborn', 'exec sleep 1000', { drain: '2s' })
    const app = await ready('stubborn', 2)
    expect(app.deploy.drained).toMatchObject({ instances: 1, stopping: 0, killed: 1 })
    const old = app.instances.find(({ revision }) => revision === 1)
    expect(old).toMatchObject({ state: 'cancelled', reason: 'replaced', exitCode: 137 })
    await remove('stubborn')
  })

  it('that eats its memory is seen to, with its limit', async () => {
    await deploy('glutton', 'tail /dev/zero', { memory: '16Mi', ready: 'registered' })
    const app = await failed('glutton')
    expect(app.deploy.message).toContain('the last time it was killed: it used more than its 16Mi of memory')
    expect(app.instances[0]?.lastEnd).toMatchObject({ reason: 'out-of-memory', exitCode: 137 })
    await remove('glutton')
  })
})

/** Of the log of `flood`: bytes written so far, and bytes that are kept. */
async function storedOfFlood(): Promise<{ ever: number; kept: number }> {
  const { rows } = await sql<{ ever: number; kept: number }>`
    select l.bytes::float8 as ever, (select sum(c.bytes) from log_chunks c where c.run_id = l.run_id)::float8 as kept
    from run_logs l join app_instances i on i.id = l.run_id join apps a on a.id = i.app_id and a.name = 'flood'`.execute(
    database.db,
  )
  return rows[0] ?? { ever: 0, kept: 0 }
}

// By itself: it takes what it can get of the machine.
it('an image that floods its log keeps a window of it, and the server its memory and its answers', async () => {
  await deploy('flood', `yes ${FLOOD_LINE} | head -n ${FLOOD_LINES}; exec sleep 1000`, { drain: '1s' })
  const worst = { keptBytes: 0, memoryMiB: 0, apiMs: 0 }
  const beganAt = performance.now()
  await waitFor(
    'the flood to be read',
    async () => {
      const { ever, kept } = await storedOfFlood()
      const calledAt = performance.now()
      await get('flood')
      worst.apiMs = Math.max(worst.apiMs, Math.round(performance.now() - calledAt))
      worst.keptBytes = Math.max(worst.keptBytes, kept)
      worst.memoryMiB = Math.max(worst.memoryMiB, Math.round(serverMemoryMiB()))
      return ever >= FLOOD_BYTES
    },
    2 * LIMIT_MS,
  )
  const seconds = Math.round((performance.now() - beganAt) / 1000)
  printFigures('flooded log', { ...worst, seconds, floodBytes: FLOOD_BYTES, keepBytes: LOG_KEEP_BYTES })
  expect(worst.keptBytes).toBeLessThan(LOG_ROOM_BYTES)
  expect(worst.memoryMiB).toBeLessThan(SERVER_MEMORY_LIMIT_MIB)
  expect(worst.apiMs).toBeLessThan(API_LIMIT_MS)
  await ready('flood')
  const marks = (await api.ok<{ items: AppLogLine[] }>('GET', '/v1/apps/flood/logs?tail=5000')).items.filter(
    ({ stream }) => stream === 'panda',
  )
  expect(marks.at(-1)?.text).toMatch(/^the \d+ oldest lines of this log were removed: the newest 1Mi are kept$/)
  await remove('flood')
})

it('leaves the server as it was', () => {
  expect(server.crashes).toEqual([])
})
