/**
 * Lateness of a tick in a whole server: from its due time until its run row is committed and the (fake) runtime is
 * called to start it, on the embedded PostgreSQL with default fsync. Beside it the raw limit: the same rows written with
 * nothing around them.
 *
 *   npx tsc -b && node --min-semi-space-size=64 --max-semi-space-size=64 --import tsx bench/lateness.ts [idle single 1000 10000 spread 100000]
 *
 * The flags are those that `panda` gives to Node (packages/cli/bin/panda.js).
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { CLAIM_BATCH, CLAIM_LANES } from '../packages/server/dist/scheduler/limits.js'
import { countRows, cpuMeter, probeApi, spreadOf } from './lateness/measure.ts'
import { startObserved } from './lateness/observed-server.ts'
import { measureRawLimit } from './lateness/raw-limit.ts'
import { openStage, seedCronjobs, type Stage } from './lateness/stage.ts'

/** Also the order of the cases: the one that measures memory comes first. */
const CASES = ['idle', 'single', '1000', '10000', 'spread', '100000']
const TARGETS: Record<string, string> = {
  '1000': 'p99 <= 100 ms',
  '10000': 'p99 <= 500 ms',
  '100000': 'max <= 4000 ms, API p99 <= 250 ms',
  spread: 'p99 <= 150 ms',
  single: 'our own share of a start: one tick a second, due → create call',
  idle: 'ready <= 3000 ms, rss <= 400 MB, cpu < 2 %',
}

/** A whole second at least so far ahead. */
function secondAhead(ms: number): Date {
  return new Date(Math.ceil((Date.now() + ms) / 1000) * 1000)
}

/** @throws Error when it does not come true in time */
async function until(what: string, limitMs: number, check: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + limitMs
  while (!(await check())) {
    if (Date.now() > giveUpAt) throw new Error(`gave up waiting: ${what}`)
    await delay(20)
  }
}

/** Ticks in each of the five seconds before a measurement. */
const WARM_UP = 200
/** Until all are started, and until all have ended. */
const START_LIMIT_MS = 120_000
const END_LIMIT_MS = 300_000

async function burst(stage: Stage, count: number) {
  // Seeding 100,000 takes some seconds.
  const dueAt = secondAhead(16_000 + count / 4)
  await seedCronjobs(stage.db, { count, dueAt, spreadSeconds: 1, warmUpPerSecond: WARM_UP })
  const result = await fire(stage, count, dueAt)
  // Without the warm-up's.
  await sql`delete from cronjobs where substr(name, 5)::int >= ${count}`.execute(stage.db)
  await sql`vacuum analyze cronjobs, runs`.execute(stage.db)
  await sql`checkpoint`.execute(stage.db)
  const rawCpuSeconds = cpuMeter(stage.pid)
  const rawMs = await measureRawLimit(stage.db, CLAIM_BATCH, CLAIM_LANES)
  const raw = { ms: rawMs, cpuSeconds: rawCpuSeconds() }
  return { due: count, ...result, rawLimit: raw, ratioToRaw: Number((result.started.max / rawMs).toFixed(2)) }
}

async function fire(stage: Stage, count: number, dueAt: Date) {
  await using server = await startObserved(stage, dueAt.getTime())
  if (Date.now() > dueAt.getTime() - 7000) throw new Error('seeding took too long: the ticks are due already')
  const api = await probeApi(server.url, server.token)
  await delay(dueAt.getTime() - Date.now() - 200)
  api.begin()
  const cpuSeconds = cpuMeter(stage.pid)
  await until('starts', START_LIMIT_MS, () => server.started.length >= count)
  const cpu = cpuSeconds()
  const apiFigures = await api.end()
  await untilEnded(stage, dueAt)
  const endedAfterMs = Date.now() - dueAt.getTime()
  return {
    started: spreadOf(server.started),
    durable: spreadOf(server.durable),
    handedOver: spreadOf(server.handedOver),
    apiMeanwhile: apiFigures,
    cpuSeconds: cpu,
    endedAfterMs,
    cpuSecondsToTheEnd: cpuSeconds(),
    ...(await countRows(stage.db, dueAt)),
  }
}

async function untilEnded(stage: Stage, dueAt: Date): Promise<void> {
  await until('ends', END_LIMIT_MS, async () => {
    await delay(200)
    const { notSucceeded } = await countRows(stage.db, dueAt)
    return notSucceeded === 0
  })
}

async function spread(stage: Stage, count: number, overSeconds: number) {
  const dueAt = secondAhead(16_000 + count / 4)
  await seedCronjobs(stage.db, { count, dueAt, spreadSeconds: overSeconds, warmUpPerSecond: WARM_UP })
  await using server = await startObserved(stage, dueAt.getTime())
  await delay(dueAt.getTime() - Date.now() - 500)
  const cpuSeconds = cpuMeter(stage.pid)
  await until('starts', START_LIMIT_MS, () => server.started.length >= count)
  const cpu = cpuSeconds()
  await untilEnded(stage, dueAt)
  return {
    due: count,
    overSeconds,
    started: spreadOf(server.started),
    durable: spreadOf(server.durable),
    handedOver: spreadOf(server.handedOver),
    cpuSeconds: cpu,
    ...(await countRows(stage.db, dueAt)),
  }
}

/** Nothing is due for the whole time. RSS is that of this process with the whole server in it. */
async function idle(stage: Stage, count: number) {
  const seconds = 20
  await seedCronjobs(stage.db, { count, dueAt: secondAhead(3_000_000), spreadSeconds: 60 })
  await using server = await startObserved(stage, 0)
  await delay(2000)
  const startedAt = performance.now()
  const cpuSeconds = cpuMeter(stage.pid)
  await delay(seconds * 1000)
  const used = cpuSeconds()
  const elapsed = (performance.now() - startedAt) / 1000
  const percent = (spent: number): number => Number(((spent / elapsed) * 100).toFixed(2))
  return {
    cronjobs: count,
    readyInMs: server.readyInMs,
    rssMb: Math.round(process.memoryUsage().rss / 1024 ** 2),
    cpuPercent: percent(used.node),
    postgresCpuPercent: used.postgres === null ? null : percent(used.postgres),
  }
}

async function measure(stage: Stage, name: string): Promise<{ met: boolean; result: object }> {
  if (name === 'idle') {
    const result = await idle(stage, 100_000)
    return { met: result.readyInMs <= 3000 && result.rssMb <= 400 && result.cpuPercent < 2, result }
  }
  if (name === 'single') return { met: true, result: await spread(stage, 30, 30) }
  if (name === 'spread') {
    const result = await spread(stage, 100_000, 60)
    return { met: result.started.p99 <= 150, result }
  }
  const result = await burst(stage, Number(name))
  const { started, apiMeanwhile } = result
  if (name === '1000') return { met: started.p99 <= 100, result }
  if (name === '10000') return { met: started.p99 <= 500, result }
  return { met: started.max <= 4000 && Math.max(apiMeanwhile.status.p99, apiMeanwhile.runs.p99) <= 250, result }
}

const NODE_FLAGS = ['--min-semi-space-size=64', '--max-semi-space-size=64']
const RESULTS = new URL('./results/lateness.json', import.meta.url)

async function readResults(): Promise<Record<string, unknown>> {
  try {
    const report = JSON.parse(await readFile(RESULTS, 'utf8')) as { results: Record<string, unknown> }
    return report.results
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

async function main(): Promise<void> {
  if (!NODE_FLAGS.every((flag) => process.execArgv.includes(flag))) {
    throw new Error(`run it as panda runs the server: node ${NODE_FLAGS.join(' ')} …`)
  }
  const wanted = process.argv.slice(2)
  const cases = wanted.length > 0 ? wanted : CASES
  await using stage = await openStage()
  const version = await sql<{ v: string }>`select current_setting('server_version') as v`.execute(stage.db)
  const fsync = await sql<{
    v: string
  }>`select current_setting('fsync') || '/' || current_setting('synchronous_commit') as v`.execute(stage.db)
  const results: Record<string, unknown> = {}
  for (const name of cases) {
    const { met, result } = await measure(stage, name)
    const at = { measuredAt: new Date().toISOString(), loadAverage: loadavg()[0] }
    results[name] = { target: TARGETS[name], met, ...at, ...result }
    console.log(name, JSON.stringify(results[name]))
  }
  console.log('rss of this process', Math.round(process.memoryUsage().rss / 1024 ** 2), 'MB')
  const report = {
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 1024 ** 3),
      kernel: release(),
    },
    versions: { node: process.version, postgresql: version.rows[0]?.v },
    config: {
      batch: CLAIM_BATCH,
      lanes: CLAIM_LANES,
      node: NODE_FLAGS.join(' '),
      'fsync/synchronous_commit': fsync.rows[0]?.v,
      zones: 5,
      warmUpPerSecond: WARM_UP,
    },
    unit: 'ms from the due time; durable = the row is committed and the executor has it, started = the runtime is called, handedOver = from the one to the other',
    // A case that was not wanted now keeps what it had.
    results: { ...(await readResults()), ...results },
  }
  await mkdir(new URL('./results/', import.meta.url), { recursive: true })
  await writeFile(RESULTS, `${JSON.stringify(report, null, 2)}\n`)
}

await main()
