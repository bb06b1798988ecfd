import { readFileSync, readdirSync } from 'node:fs'
import { sql } from 'kysely'
import { systemClock } from '../../packages/server/src/clock.ts'
import type { ClaimedRun } from '../../packages/server/src/runs/claimed-run.ts'
import { Scheduler, type SchedulerDeps } from '../../packages/server/src/scheduler/scheduler.ts'
import type { Database } from '../../packages/server/src/store/database.ts'
import { openListener } from '../../packages/server/src/store/listen.ts'
import type { Stage } from './stage.ts'

export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0)
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** Takes every run at once and remembers how late: the row is committed, the runtime could begin. */
export class RecordingExecutor {
  readonly lateness: number[] = []
  readonly #countFrom: number

  /** @param countFrom ticks due before it are the warm-up, epoch ms */
  constructor(countFrom: number) {
    this.#countFrom = countFrom
  }

  freeSlots(): number {
    return 1_000_000
  }
  take(runs: readonly ClaimedRun[]): void {
    const now = Date.now()
    for (const run of runs) {
      const due = run.dueAt.getTime()
      if (due >= this.#countFrom) this.lateness.push(now - due)
    }
  }
}

export interface Running extends AsyncDisposable {
  readonly executor: RecordingExecutor
  /** From the call of start to the first complete pass, ms. */
  readonly readyInMs: number
}

export async function runScheduler(
  stage: Stage,
  tuning: Pick<SchedulerDeps, 'batch' | 'lanes'>,
  countFrom = 0,
): Promise<Running> {
  const fail = (error: unknown): never => {
    throw error
  }
  const startedAt = performance.now()
  const listener = await openListener(stage.url, fail)
  const executor = new RecordingExecutor(countFrom)
  const log = { info: () => {}, warn: console.error, error: console.error }
  const identity = { serverId: 'srv_bench', engineId: 'engine_bench' }
  const scheduler = new Scheduler({ db: stage.db, listener, clock: systemClock, log, executor, ...identity, ...tuning })
  await scheduler.start()
  while (!scheduler.up) await systemClock.sleep(5)
  const readyInMs = Math.round(performance.now() - startedAt)
  return {
    executor,
    readyInMs,
    async [Symbol.asyncDispose]() {
      await scheduler.stop()
      await listener.close()
    },
  }
}

/** Of the ticks from a time on: rows, distinct ticks, and those of them that are not running: all three are told beside every figure. */
export async function countRows(
  db: Database,
  dueAt: Date,
): Promise<{ rows: number; distinct: number; notRunning: number }> {
  const { rows } = await sql<{ rows: number; distinct: number; notRunning: number }>`
    select count(*) as rows, count(distinct (cronjob_id, due_at)) as distinct,
      count(*) filter (where state <> 'running') as "notRunning"
    from runs where due_at >= ${dueAt}`.execute(db)
  return rows[0] ?? { rows: 0, distinct: 0, notRunning: 0 }
}

/** @returns what this process and PostgreSQL's have used since, in CPU seconds: a busy machine does not change it much */
export function cpuMeter(postmaster: number): () => { node: number; postgres: number | null } {
  const own = process.cpuUsage()
  const before = postgresCpuSeconds(postmaster)
  return () => {
    const { user, system } = process.cpuUsage(own)
    const after = postgresCpuSeconds(postmaster)
    return {
      node: Number(((user + system) / 1e6).toFixed(2)),
      postgres: after === null || before === null ? null : Number((after - before).toFixed(2)),
    }
  }
}

/** CPU seconds that PostgreSQL's processes have used, Linux only; null elsewhere. */
function postgresCpuSeconds(postmaster: number): number | null {
  if (process.platform !== 'linux') return null
  let ticks = 0
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const fields = statOf(name)
    if (fields && (Number(name) === postmaster || Number(fields[1]) === postmaster)) {
      ticks += Number(fields[11]) + Number(fields[12])
    }
  }
  return ticks / 100
}

/** The fields behind the program's name: state, parent, …; null when the process has gone meanwhile. */
function statOf(pid: string): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH')
      return null
    throw error
  }
}
