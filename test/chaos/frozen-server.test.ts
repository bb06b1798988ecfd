import { setTimeout as delay } from 'node:timers/promises'
import type { Run } from '@pandastack/contract'
import { Client as PgClient } from 'pg'
import { expect, it } from 'vitest'
import type { Client } from '../support/api-client.ts'
import { freshDatabase } from '../support/postgres.ts'
import { tempDir } from '../support/temp-dir.ts'
import { check } from './checker.ts'
import { readFakeEffects } from './effects.ts'
import { expectNoViolations, printFigures } from './figures.ts'
import { Fleet } from './fleet.ts'
import { readHistory, settle } from './history.ts'
import type { ServerProcess } from './server-process.ts'
import { endSchedules, LATER } from './workload.ts'

/** Longer than the lease of 10 s. */
const FROZEN_MS = 16_000
/** Lease, one look at who is dead, and a margin for the machine. */
const TAKEN_OVER_LIMIT_MS = 13_000
const SETTLE_LIMIT_MS = 60_000
const TICKING = 30
const EVERY_SECOND = '* * * * * *'

it('a server that is frozen in the middle of a transaction: its runs are taken over, its late writes refused', async () => {
  await using database = await freshDatabase()
  await using engine = await tempDir('fake-engine')
  await using fleet = await Fleet.start({
    size: 3,
    databaseUrl: database.url,
    env: { PANDA_RUNTIME: 'fake', PANDA_FAKE_DIR: engine.path, PANDA_MAX_RUNS: '300' },
  })
  const api = await fleet.api()
  const [victim] = fleet.servers
  if (victim === undefined) throw new Error('the fleet is empty')
  for (let index = 0; index < TICKING; index++) await createTicking(api, index)
  // By hand on the victim: some end while it is frozen, some go on until it is back.
  const ids = await startLongRuns(api)

  // The hunt may outlast them, so that each try starts some more.
  const startMore = async (): Promise<void> => {
    for (let count = 0; count < 3; count++) ids.push(await startByHand(api, 'goes-on'))
  }
  await freezeInTransaction(victim, database.url, startMore)
  const frozenAtMs = Date.now()
  const owners = await ownersOf(database.url, ids)
  await delay(FROZEN_MS)
  victim.signal('SIGCONT')
  const frozenMs = Date.now() - frozenAtMs
  const takenOver = await ownersOf(database.url, ids)
  // Back to life, it finds out that it was called dead.
  await delay(3000)
  await endSchedules(await fleet.api())
  await settle(database.url, SETTLE_LIMIT_MS)
  const crashes = fleet.servers.flatMap((server) => server.crashes)
  await fleet.stop()

  const history = await readHistory(database.url)
  const verdict = check(history, readFakeEffects(engine.path))
  const moved = [...owners].filter(([id, { server }]) => takenOver.get(id)?.server !== server).length
  printFigures('frozen-server', { frozenMs, moved, ...verdict.figures })
  expectNoViolations(verdict)
  expect(crashes, fleet.logTails()).toEqual([])
  expect(moved).toBeGreaterThan(0)
  for (const [id, { fence, server }] of takenOver) {
    if (server !== owners.get(id)?.server) expect(fence).toBeGreaterThan(owners.get(id)?.fence ?? 0)
  }
  expect(history.attempts.filter((attempt) => attempt.number > 1)).toEqual([])
  expect(verdict.figures.lostRuns).toBe(0)
  expect(verdict.figures.rowLatenessMaxMs).toBeLessThan(TAKEN_OVER_LIMIT_MS)
})

async function createTicking(api: Client, index: number): Promise<void> {
  await api.ok('POST', '/v1/cronjobs', {
    name: `every-second-${index}`,
    image: 'fake.test/program:1',
    schedule: EVERY_SECOND,
    command: ['after', '500ms', 'exit', String(index % 3), 'log', '3'],
    concurrency: 'allow',
    keep: 1_000_000,
  })
}

async function startLongRuns(api: Client): Promise<string[]> {
  const ids: string[] = []
  for (const [name, length] of [
    ['ends-meanwhile', '8s'],
    ['goes-on', '30s'],
  ] as const) {
    await api.ok('POST', '/v1/cronjobs', {
      name,
      image: 'fake.test/program:1',
      schedule: LATER,
      command: ['after', length, 'exit', '4', 'log', '40'],
      concurrency: 'allow',
    })
    for (let count = 0; count < 12; count++) ids.push(await startByHand(api, name))
  }
  return ids
}

async function startByHand(api: Client, cronjob: string): Promise<string> {
  return (await api.ok<Run>('POST', `/v1/cronjobs/${cronjob}/runs`, {})).id
}

/** Freezes the server again and again until it holds a transaction open in which it has locked cronjobs. */
async function freezeInTransaction(
  server: ServerProcess,
  databaseUrl: string,
  beforeEachTry: () => Promise<void>,
): Promise<void> {
  const admin = new PgClient({ connectionString: databaseUrl })
  await admin.connect()
  try {
    for (let attempt = 0; attempt < 120; attempt++) {
      await beforeEachTry()
      // Right after a whole second the servers claim its ticks.
      await delay(1000 - (Date.now() % 1000) + ((attempt * 7) % 20))
      server.signal('SIGSTOP')
      await delay(15)
      if (await staysLocked(admin)) return
      server.signal('SIGCONT')
    }
    throw new Error('the server was never found in a transaction')
  } finally {
    await admin.end()
  }
}

/** What the other servers lock is free again a moment later, and what they have to claim is not overdue for long. */
async function staysLocked(admin: PgClient): Promise<boolean> {
  if ((await lockedCronjobs(admin, 0)) === 0) return false
  await delay(2500)
  return (await lockedCronjobs(admin, 1400)) > 0
}

/** Rows of ticking cronjobs that some transaction has locked right now and that are overdue by so much. */
async function lockedCronjobs(admin: PgClient, overdueMs: number): Promise<number> {
  const { rows } = await admin.query<{ locked: number }>(
    `with free as (select id from cronjobs for no key update skip locked)
     select count(*)::int as locked from cronjobs
     where id not in (select id from free) and schedule = $1
       and next_due_at < clock_timestamp() + interval '1 second' - $2 * interval '1 millisecond'`,
    [EVERY_SECOND, overdueMs],
  )
  return rows[0]?.locked ?? 0
}

interface Owner {
  readonly server: string | null
  readonly fence: number
}

async function ownersOf(databaseUrl: string, ids: readonly string[]): Promise<Map<string, Owner>> {
  const client = new PgClient({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ id: string; server: string | null; fence: number }>(
      'select id, server_id as server, fence from runs where id = any ($1)',
      [ids],
    )
    return new Map(rows.map(({ id, server, fence }) => [id, { server, fence }]))
  } finally {
    await client.end()
  }
}
