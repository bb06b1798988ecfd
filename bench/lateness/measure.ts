import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import type { Database } from '../../packages/server/dist/store/database.js'

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

/** Response times of the API while something else goes on. */
export interface ApiFigures {
  readonly status: Spread
  readonly runs: Spread
  /** Answers other than 200, or none. */
  readonly failed: number
}

interface ProbeReport {
  readonly times: Readonly<Record<string, readonly number[]>>
  readonly failed: number
}

export interface ApiProbe {
  /** From now on it calls. */
  begin(): void
  end(): Promise<ApiFigures>
}

/** A process that is ready to call the API. */
export async function probeApi(url: string, token: string): Promise<ApiProbe> {
  const probe = fork(fileURLToPath(new URL('./api-probe.ts', import.meta.url)), [url, token])
  await once(probe, 'message')
  const end = async (): Promise<ApiFigures> => {
    const told = once(probe, 'message')
    probe.send('stop')
    const [report] = (await told) as [ProbeReport]
    const [status = [], runs = []] = Object.values(report.times)
    return { status: spreadOf(status), runs: spreadOf(runs), failed: report.failed }
  }
  return { begin: () => void probe.send('go'), end }
}

/** Of the ticks from a time on: rows, distinct ticks, and those of them that did not succeed: all three are told beside every figure. */
export async function countRows(
  db: Database,
  dueAt: Date,
): Promise<{ rows: number; distinct: number; notSucceeded: number }> {
  const { rows } = await sql<{ rows: number; distinct: number; notSucceeded: number }>`
    select count(*) as rows, count(distinct (cronjob_id, due_at)) as distinct,
      count(*) filter (where state <> 'succeeded') as "notSucceeded"
    from runs where due_at >= ${dueAt}`.execute(db)
  return rows[0] ?? { rows: 0, distinct: 0, notSucceeded: 0 }
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
