/**
 * Lateness of a tick: from its due time until its run row is committed and handed to the runtime, on the embedded
 * PostgreSQL with default fsync. Beside it the raw limit: the same rows written with nothing around them.
 *
 *   npx tsx --conditions=source bench/lateness.ts [1000 10000 100000 spread idle]
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { CLAIM_BATCH, CLAIM_LANES } from '../packages/server/src/scheduler/limits.ts'
import { countRows, cpuMeter, runScheduler, spreadOf } from './lateness/measure.ts'
import { measureRawLimit } from './lateness/raw-limit.ts'
import { openStage, seedCronjobs, type Stage } from './lateness/stage.ts'

const TARGETS: Record<string, string> = {
  '1000': 'p99 <= 100 ms',
  '10000': 'p99 <= 500 ms',
  '100000': 'max <= 4000 ms',
  spread: 'p99 <= 150 ms',
  idle: 'ready <= 3000 ms, rss <= 400 MB, cpu < 2 %',
}
const batch = Number(process.env['BATCH'] ?? CLAIM_BATCH)
const lanes = Number(process.env['LANES'] ?? CLAIM_LANES)
const tuning = { batch, lanes }

/** A whole second at least so far ahead. */
function secondAhead(ms: number): Date {
  return new Date(Math.ceil((Date.now() + ms) / 1000) * 1000)
}

async function untilHandedOver(executor: { lateness: number[] }, count: number, limitMs: number): Promise<void> {
  const giveUpAt = Date.now() + limitMs
  while (executor.lateness.length < count && Date.now() < giveUpAt) await delay(20)
}

/** Ticks in each of the five seconds before a measurement. */
const WARM_UP = 200

async function burst(stage: Stage, count: number) {
  // Seeding 100,000 takes some seconds.
  const dueAt = secondAhead(14_000 + count / 4)
  await seedCronjobs(stage.db, { count, dueAt, spreadSeconds: 1, warmUpPerSecond: WARM_UP })
  const result = await (async () => {
    await using running = await runScheduler(stage, tuning, dueAt.getTime())
    if (Date.now() > dueAt.getTime() - 7000) throw new Error('seeding took too long: the ticks are due already')
    await delay(dueAt.getTime() - Date.now() - 500)
    const cpuSeconds = cpuMeter(stage.pid)
    await untilHandedOver(running.executor, count, dueAt.getTime() - Date.now() + 60_000)
    const cpu = cpuSeconds()
    return { lateness: spreadOf(running.executor.lateness), ...(await countRows(stage.db, dueAt)), cpuSeconds: cpu }
  })()
  // Without the warm-up's.
  await sql`delete from cronjobs where substr(name, 5)::int >= ${count}`.execute(stage.db)
  await sql`vacuum analyze cronjobs, runs`.execute(stage.db)
  await sql`checkpoint`.execute(stage.db)
  const rawCpuSeconds = cpuMeter(stage.pid)
  const rawMs = await measureRawLimit(stage.db, batch, lanes)
  const raw = { ms: rawMs, cpuSeconds: rawCpuSeconds() }
  return { due: count, ...result, rawLimit: raw, ratioToRaw: Number((result.lateness.max / rawMs).toFixed(2)) }
}

async function spread(stage: Stage, count: number) {
  const dueAt = secondAhead(14_000 + count / 4)
  await seedCronjobs(stage.db, { count, dueAt, spreadSeconds: 60, warmUpPerSecond: WARM_UP })
  await using running = await runScheduler(stage, tuning, dueAt.getTime())
  await untilHandedOver(running.executor, count, dueAt.getTime() - Date.now() + 90_000)
  const lateness = spreadOf(running.executor.lateness)
  return { due: count, overSeconds: 60, lateness, ...(await countRows(stage.db, dueAt)) }
}

/** Nothing is due for the whole time. RSS is that of this process, with the schedules' cache warm. */
async function idle(stage: Stage, count: number) {
  const seconds = 20
  await seedCronjobs(stage.db, { count, dueAt: secondAhead(3_000_000), spreadSeconds: 60 })
  await using running = await runScheduler(stage, tuning)
  await delay(2000)
  const startedAt = performance.now()
  const cpuSeconds = cpuMeter(stage.pid)
  await delay(seconds * 1000)
  const used = cpuSeconds()
  const elapsed = (performance.now() - startedAt) / 1000
  const percent = (spent: number): number => Number(((spent / elapsed) * 100).toFixed(2))
  return {
    cronjobs: count,
    readyInMs: running.readyInMs,
    rssMb: Math.round(process.memoryUsage().rss / 1024 ** 2),
    cpuPercent: percent(used.node),
    postgresCpuPercent: used.postgres === null ? null : percent(used.postgres),
  }
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2)
  const cases = wanted.length > 0 ? wanted : Object.keys(TARGETS)
  await using stage = await openStage()
  const version = await sql<{ v: string }>`select current_setting('server_version') as v`.execute(stage.db)
  const fsync = await sql<{
    v: string
  }>`select current_setting('fsync') || '/' || current_setting('synchronous_commit') as v`.execute(stage.db)
  const results: Record<string, unknown> = {}
  for (const name of cases) {
    const result =
      name === 'spread'
        ? await spread(stage, 100_000)
        : name === 'idle'
          ? await idle(stage, 100_000)
          : await burst(stage, Number(name))
    results[name] = { target: TARGETS[name], ...result }
    console.log(name, JSON.stringify(results[name]))
  }
  console.log('rss of this process', Math.round(process.memoryUsage().rss / 1024 ** 2), 'MB')
  if (wanted.length > 0) return
  const report = {
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 1024 ** 3),
      kernel: release(),
    },
    versions: { node: process.version, postgresql: version.rows[0]?.v },
    loadAverage: loadavg()[0],
    config: { batch, lanes, 'fsync/synchronous_commit': fsync.rows[0]?.v, zones: 5, warmUpPerSecond: WARM_UP },
    unit: 'ms from the due time to the committed row handed to the runtime',
    results,
  }
  await mkdir(new URL('./results/', import.meta.url), { recursive: true })
  await writeFile(new URL('./results/lateness.json', import.meta.url), `${JSON.stringify(report, null, 2)}\n`)
}

await main()
