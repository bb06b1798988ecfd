import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { AppDetail } from '../../packages/contract/src/index.ts'
import { APP_FAULT_POINTS } from '../../packages/server/src/fault-points.ts'
import type { Database } from '../../packages/server/src/store/database.ts'
import { Client } from '../support/api-client.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { migratedDatabase } from '../support/migrated-database.ts'
import { tempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import { readFakeEffects } from './effects.ts'
import { FULL } from './figures.ts'
import { ServerProcess } from './server-process.ts'

/**
 * The server dies by SIGKILL at each step of a deploy (two instances replaced by two) and of a scale-down (from three to
 * one), on the fake engine in a folder, and is started again. Whatever the step, every instance that was ever made is one
 * that was declared, each was started once, and the engine holds what is declared and nothing else.
 */

expectNoChildProcesses()

/** By SIGTERM; what is killed has 137. */
const ENDED_IN_GOOD_ORDER = 143
const SETTLE_LIMIT_MS = 90_000

/** The armed server adopts the two that run, so `unit-running` counts from three on. */
const DEPLOY = [
  'app-changed:1', // the call is never answered
  'app-planned:1', // the new instances are inserted
  'instance-claimed:1',
  'unit-created:2',
  'unit-running:3',
  'instance-ready:1',
  'app-planned:2', // the new revision serves, the old instances are asked to end
  'unit-stopping:1',
  'unit-exited:1',
  'result-recorded:2',
]
const SCALE_DOWN = ['app-changed:1', 'app-planned:1', 'unit-stopping:2', 'unit-exited:1', 'result-recorded:1']
/** Each point takes about ten seconds: `npm test` tries some of each change, the full run all. */
const SOME = new Set([
  'instance-claimed:1',
  'instance-ready:1',
  'app-planned:2',
  'result-recorded:2',
  'unit-stopping:2',
  'unit-exited:1',
])
const tried = (points: readonly string[]) => (FULL ? points : points.filter((point) => SOME.has(point)))

interface InstanceRow {
  readonly id: string
  readonly revision: number
  readonly slot: number
  readonly state: string
  readonly attempt: number
  readonly reason: string | null
  readonly exit_code: number | null
}

interface Change {
  readonly before: number
  readonly path: string
  readonly body: Record<string, unknown>
  readonly after: { readonly revision: number; readonly replicas: number }
}

interface Outcome {
  readonly rows: readonly InstanceRow[]
  /** Of each unit that was ever there: how often it was started, and its exit code. */
  readonly units: readonly { readonly instance: string; readonly starts: number; readonly exitCode: number | null }[]
  readonly left: readonly string[]
}

async function readRows(db: Database): Promise<InstanceRow[]> {
  const { rows } = await sql<InstanceRow>`
    select id, revision, slot, state, attempt, reason, exit_code from app_instances order by revision, slot, id`.execute(
    db,
  )
  return rows
}

const live = (rows: readonly InstanceRow[]) => rows.filter(({ state }) => state === 'running')
const gone = (rows: readonly InstanceRow[]) => rows.filter(({ state }) => state !== 'running')

/** Brings the app to where it begins, lets a server with the point armed make the change and die, and another one settle. */
async function dieAt(point: string, { before, path, body, after }: Change): Promise<Outcome> {
  await using engine = await tempDir('engine')
  await using home = await tempDir('home')
  await using database = await migratedDatabase()
  const env = { PANDA_RUNTIME: 'fake', PANDA_FAKE_DIR: engine.path }
  const server = new ServerProcess({ home: home.path, databaseUrl: database.url, env })
  const start = async (extra?: Record<string, string>): Promise<Client> =>
    new Client(await server.start(extra), (await readFile(join(home.path, 'token'), 'utf8')).trim())
  const units = () => readdirSync(join(engine.path, 'units'))
  const settled = async (api: Client, revision: number, replicas: number): Promise<void> => {
    await waitFor(
      `revision ${revision} with ${replicas} instances after ${point}\n${server.logTail()}`,
      async () => {
        const app = await api.ok<AppDetail>('GET', '/v1/apps/worker')
        const alive = app.instances.filter(({ finishedAt }) => finishedAt === null).length
        const { readyRevision, ready } = app
        return readyRevision === revision && ready === replicas && alive === replicas && units().length === replicas
      },
      SETTLE_LIMIT_MS,
    )
  }
  try {
    const first = await start()
    const spec = {
      image: 'fake.test/program:1',
      command: ['forever', 'register'],
      ready: 'registered',
      replicas: before,
    }
    await first.ok('POST', '/v1/apps/worker/deploys', spec)
    await settled(first, 1, before)
    await server.stop()
    const armed = await start({ PANDA_FAULT_POINT: point })
    // Dead before it could answer, at some points: what counts is how the process ended.
    await armed.call('POST', path, body).catch(() => undefined)
    expect(await server.ended).toEqual({ code: null, signal: 'SIGKILL' })
    await settled(await start(), after.revision, after.replicas)
    const effects = [...readFakeEffects(engine.path).values()]
    const rows = await readRows(database.db)
    return {
      rows,
      units: effects.map(({ name, starts, exitCode }) => {
        const instance = rows.find(({ id }) => name.includes(id.slice(4)))?.id ?? `nobody knows ${name}`
        return { instance, starts, exitCode }
      }),
      left: units(),
    }
  } finally {
    await server.kill()
  }
}

/** One unit for each instance, started once; what has ended was asked to and ended by SIGTERM. */
function expectInOrder({ rows, units }: Outcome, reason: string): void {
  expect(units.map(({ instance }) => instance).toSorted()).toEqual(rows.map(({ id }) => id).toSorted())
  expect(units.filter(({ starts }) => starts !== 1)).toEqual([])
  expect(rows.filter(({ attempt }) => attempt !== 1)).toEqual([])
  expect(gone(rows).map((row) => [row.state, row.reason])).toEqual(gone(rows).map(() => ['cancelled', reason]))
  expect(gone(rows).filter(({ exit_code }) => exit_code !== ENDED_IN_GOOD_ORDER)).toEqual([])
}

describe.concurrent('SIGKILL in the middle of a deploy', () => {
  it.each(tried(DEPLOY))('%s', async (point) => {
    const body = { env: { VERSION: '2' }, replicas: 2 }
    const change = { before: 2, path: '/v1/apps/worker/deploys', body, after: { revision: 2, replicas: 2 } }
    const outcome = await dieAt(point, change)
    expectInOrder(outcome, 'replaced')
    expect(gone(outcome.rows).map(({ revision, slot }) => [revision, slot])).toEqual([
      [1, 1],
      [1, 2],
    ])
    expect(live(outcome.rows).map(({ revision, slot }) => [revision, slot])).toEqual([
      [2, 1],
      [2, 2],
    ])
    expect(outcome.left).toHaveLength(2)
  })
})

describe.concurrent('SIGKILL in the middle of a scale-down', () => {
  it.each(tried(SCALE_DOWN))('%s', async (point) => {
    const change = {
      before: 3,
      path: '/v1/apps/worker/scale',
      body: { replicas: 1 },
      after: { revision: 1, replicas: 1 },
    }
    const outcome = await dieAt(point, change)
    expectInOrder(outcome, 'scaled-down')
    expect(outcome.rows.map(({ revision, slot }) => [revision, slot])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ])
    expect(live(outcome.rows).map(({ slot }) => slot)).toEqual([1])
    expect(outcome.left).toHaveLength(1)
  })
})

it('has a case for each point of apps', () => {
  const named = new Set([...DEPLOY, ...SCALE_DOWN].map((fault) => fault.split(':')[0]))
  expect(APP_FAULT_POINTS.filter((point) => !named.has(point))).toEqual([])
})
