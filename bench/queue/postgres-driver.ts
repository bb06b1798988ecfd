/**
 * The PostgreSQL driver alone, beside the raw limit and Graphile Worker, on the embedded PostgreSQL with its default
 * fsync (or `TEST_DATABASE_URL`). One process, jobs of 100 bytes, handlers that do nothing.
 *
 *   npx tsx --conditions=source bench/queue/postgres-driver.ts [short]
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { Client } from 'pg'
import { freshDatabase } from '../../test/support/postgres.ts'
import { stopSharedServices } from '../../test/support/shared-services.ts'
import { addMany, addOneByOne, BATCHED, DEFAULTS, drain, openGraphile } from './postgres/graphile.ts'
import { KEEP_NOTHING } from './postgres/keep-nothing.ts'
import { addBulk, addCoalesced, open, work } from './postgres/ours.ts'
import { openRaw } from './postgres/raw.ts'

const ROUNDS = 3
const JOBS = 20_000
const BACKLOG = 1_000_000
const isShort = process.argv.includes('short')
const results: Record<string, number[]> = {}

function note(name: string, rate: number): void {
  const rates = (results[name] ??= [])
  rates.push(Math.round(rate))
  process.stderr.write(`${name}: ${Math.round(rate)}\n`)
}

async function raw(url: string): Promise<void> {
  const limit = await openRaw(url)
  note('raw: add, coalesced 100', await limit.insert(100, 1, JOBS))
  note('raw: exchange 100 x 2', await limit.work(100, 2))
  note('raw: add, bulk 1000', await limit.insert(1000, 1, JOBS))
  note('raw: exchange 500 x 2', await limit.work(500, 2))
  await limit.insert(1000, 1, 4000)
  note('raw: exchange 10 x 1', await limit.work(10, 1))
  await limit.insert(1000, 1, 1000)
  note('raw: exchange 1 x 1', await limit.work(1, 1))
  await limit.close()
}

async function ours(url: string): Promise<void> {
  const driver = open(url)
  note('ours: add, coalesced 100', await addCoalesced(driver, 'a', 100, JOBS))
  note('ours: exchange 100 x 2', await work(driver, 'a', 100, 2, JOBS))
  note('ours: add, bulk 1000', await addBulk(driver, 'a', 1000, 1, JOBS))
  note('ours: exchange 500 x 2', await work(driver, 'a', 500, 2, JOBS))
  await addBulk(driver, 'a', 1000, 1, JOBS)
  note(
    'ours: exchange 100 x 2, 1,000 kept',
    await work(driver, 'a', 100, 2, JOBS, { ...KEEP_NOTHING, succeeded: { count: 1000, ageMs: 86_400_000 } }),
  )
  await addBulk(driver, 'a', 1000, 1, 7000)
  note('ours: exchange 10 x 1', await work(driver, 'a', 10, 1, 4000))
  note('ours: exchange 1 x 10', await work(driver, 'a', 1, 4, 2000))
  note('ours: exchange 1 x 1', await work(driver, 'a', 1, 1, 1000))
  await driver.close()
}

async function graphile(url: string): Promise<void> {
  const { utils, close } = await openGraphile(url)
  note('Graphile: addJob, 100 in flight', await addOneByOne(utils, 100, 2000))
  note('Graphile: addJobs, 1000', await addMany(utils, 1000, JOBS - 2000))
  note('Graphile, batched: concurrency 100', await drain(url, BATCHED, 100, JOBS))
  await addMany(utils, 1000, JOBS)
  note('Graphile, batched: concurrency 1', await drain(url, BATCHED, 1, JOBS))
  await addMany(utils, 1000, 2000)
  note('Graphile, defaults: concurrency 100', await drain(url, DEFAULTS, 100, 2000))
  await addMany(utils, 1000, 1000)
  note('Graphile, defaults: concurrency 1', await drain(url, DEFAULTS, 1, 1000))
  await close()
}

/** The same rates behind a million waiting jobs, and what one of them weighs. */
async function backlog(url: string): Promise<void> {
  const driver = open(url)
  await driver.check()
  note('ours: add, bulk 1000 x 2, a million', await addBulk(driver, 'big', 1000, 2, BACKLOG))
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ bytes: string }>("select pg_total_relation_size('panda_queue.jobs') as bytes")
  await client.end()
  note('bytes per waiting job of 100 bytes, indexes included', Number(rows[0]?.bytes) / BACKLOG)
  for (let round = 0; round < ROUNDS; round += 1) {
    note('ours, a million waiting: exchange 100 x 2', await work(driver, 'big', 100, 2, JOBS))
    note('ours, a million waiting: exchange 500 x 2', await work(driver, 'big', 500, 2, JOBS))
    note('ours, a million waiting: add, coalesced 100', await addCoalesced(driver, 'big', 100, JOBS))
    note('ours, a thousand waiting: add, coalesced 100', await addCoalesced(driver, 'small', 100, JOBS + 1000))
    note('ours, a thousand waiting: exchange 100 x 2', await work(driver, 'small', 100, 2, JOBS))
  }
  await driver.close()
}

async function version(url: string): Promise<string> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ version: string }>('select version()')
  await client.end()
  return rows[0]?.version ?? ''
}

try {
  await using database = await freshDatabase()
  const postgres = await version(database.url)
  for (let round = 0; round < (isShort ? 1 : ROUNDS); round += 1) {
    await using fresh = await freshDatabase()
    await raw(fresh.url)
    await ours(fresh.url)
    await graphile(fresh.url)
  }
  await backlog(database.url)
  const machine = { cpus: cpus().length, cpu: cpus()[0]?.model, memory: totalmem(), kernel: release(), load: loadavg() }
  const report = { at: new Date().toISOString(), node: process.version, postgres, machine, jobsPerSecond: results }
  await mkdir(new URL('../results/', import.meta.url), { recursive: true })
  await writeFile(
    new URL('../results/queue-postgres-driver.json', import.meta.url),
    `${JSON.stringify(report, null, 2)}\n`,
  )
} finally {
  await stopSharedServices()
}
