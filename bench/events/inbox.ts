/**
 * What the inbox costs: transactions per second that enter an event, work with one insert and end, beside the same
 * transactions without an inbox, eight at a time; and the bytes that a remembered event takes, indexes included.
 *
 *   npx tsx --conditions=source bench/events/inbox.ts
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, totalmem } from 'node:os'
import { Pool, type PoolClient } from 'pg'
import { DatabaseOnce } from '../../packages/sdk/src/events/once/database-once.ts'
import { transactOf } from '../../packages/sdk/src/events/once/transact.ts'
import { ulid } from '../../packages/sdk/src/queue/ulid.ts'
import { startEmbeddedPostgres } from '../../packages/server/src/store/embedded/embedded-postgres.ts'
import { tempDir } from '../../test/support/temp-dir.ts'

const EVENTS = 5000
const ROUNDS = 3
const AT_ONCE = 8

const loadAtStart = loadavg()[0] ?? 0
const home = await tempDir('bench-inbox')
const postgres = await startEmbeddedPostgres({ home: home.path, log: () => undefined })
const pool = new Pool({ connectionString: postgres.url, max: AT_ONCE })
const transact = transactOf(pool)
const once = new DatabaseOnce({
  subscription: 'email-service',
  transact,
  keepMs: 604_800_000,
  schema: 'panda_queue',
})

const effect = async (tx: unknown): Promise<void> =>
  void (await (tx as PoolClient).query('insert into effects values ($1)', [1]))

async function perSecond(one: () => Promise<unknown>): Promise<number> {
  let left = EVENTS
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await one()
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return EVENTS / ((performance.now() - start) / 1000)
}

const median = (values: readonly number[]) =>
  Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN)

try {
  await pool.query('create table effects (n int)')
  await once.prepare()
  const [bare, inbox]: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await perSecond(async () => transact(effect)))
    inbox.push(await perSecond(async () => once.run({ id: ulid(), source: 'shop-api' }, effect)))
  }
  const { rows } = await pool.query<{ bytes: number }>(
    "select (pg_total_relation_size('panda_queue.inbox') / count(*))::int as bytes from panda_queue.inbox",
  )
  const result = {
    claim: 'transactions per second with an inbox, beside the same ones without',
    measuredAt: new Date().toISOString(),
    configuration: { events: EVENTS, rounds: ROUNDS, atOnce: AT_ONCE },
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 1024 ** 3),
      node: process.version,
      loadAtStart,
    },
    withoutPerSecond: median(bare),
    withPerSecond: median(inbox),
    ratio: Math.round((median(inbox) / median(bare)) * 100) / 100,
    bytesPerEvent: rows[0]?.bytes,
  }
  console.log(result)
  await mkdir('bench/results', { recursive: true })
  await writeFile('bench/results/events-inbox.json', `${JSON.stringify(result, null, 2)}\n`)
} finally {
  await pool.end()
  await postgres.stop()
  await home.remove()
}
