import type { AppTrouble } from '@pandastack/contract'
import { CRASH_LOOP_MS, ENDS_KEPT, type StoredEnd, WELL_AFTER_MS } from './instance-end.ts'

/** An instance of the revision that serves, as far as it can be in trouble; times in milliseconds by the database's clock. */
export interface JudgedInstance {
  readonly id: string
  readonly revision: number
  readonly ready: boolean
  /** Its container has run so long; null = none runs. */
  readonly runningForMs: number | null
  readonly restarts: number
  readonly ends: readonly StoredEnd[]
}

export interface JudgedApp {
  readonly replicas: number
  readonly stopped: boolean
  /** Episodes that are open. */
  readonly troubles: readonly AppTrouble[]
  readonly instances: readonly JudgedInstance[]
}

export interface Opened {
  readonly trouble: Exclude<AppTrouble, 'deploy-failed'>
  readonly instance: JudgedInstance
}

export interface TroubleVerdict {
  readonly open: readonly Opened[]
  /** Those that are over. A failed deploy is over by the next one that becomes ready, not here. */
  readonly close: readonly AppTrouble[]
  /** Whether that is a recovery to tell of: what was stopped or scaled to nothing has not recovered. */
  readonly recovered: boolean
}

/**
 * Which episodes of an app begin and end now. Pure. An episode is told once when it begins, however often instances end
 * in it, and ends when all instances are ready and have run without an end for {@link WELL_AFTER_MS}, or are new.
 */
export function judgeTroubles(app: JudgedApp, nowMs: number): TroubleVerdict {
  const wanted = !app.stopped && app.replicas > 0
  const known = new Set(app.troubles)
  const ill = app.instances.filter((instance) => !isWell(instance))
  const open: Opened[] = []
  const loops = ill.find(({ ends }) => isLoop(ends))
  if (wanted && loops !== undefined && !known.has('crash-loop')) open.push({ trouble: 'crash-loop', instance: loops })
  const starved = ill.find(({ ends }) => ends.some((end) => isFresh(end, nowMs) && end.reason === 'out-of-memory'))
  if (wanted && starved !== undefined && !known.has('out-of-memory')) {
    open.push({ trouble: 'out-of-memory', instance: starved })
  }
  const healthy = app.instances.length >= app.replicas && ill.length === 0
  if (wanted && !healthy) return { open, close: [], recovered: false }
  const close = app.troubles.filter((trouble) => trouble !== 'deploy-failed')
  const recovered = wanted && close.length > 0 && close.length === app.troubles.length
  return { open, close, recovered }
}

function isWell({ ready, runningForMs, ends }: JudgedInstance): boolean {
  if (!ready || runningForMs === null) return false
  return ends.length === 0 || runningForMs >= WELL_AFTER_MS
}

function isLoop(ends: readonly StoredEnd[]): boolean {
  const [first, last] = [ends[0], ends.at(-1)]
  if (first === undefined || last === undefined || ends.length < ENDS_KEPT) return false
  return Date.parse(last.at) - Date.parse(first.at) <= CRASH_LOOP_MS
}

function isFresh({ at }: StoredEnd, nowMs: number): boolean {
  return nowMs - Date.parse(at) < WELL_AFTER_MS
}
