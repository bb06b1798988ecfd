import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import { reach } from '../fault-points.ts'
import { type UnitStatus, unitName } from '../runtime/driver.ts'
import type { AttemptContext } from './attempt-context.ts'
import { secretValues } from './environment.ts'
import { mayHaveUnit, type PreparedRun } from './prepared-run.ts'
import { Dropped, type RunControl } from './run-control.ts'
import { limitsOf } from './unit-spec.ts'
import type { Cut, Ending } from './verdict.ts'

/** How long the log of a unit that has exited may take to be stored. */
const LOG_DRAIN_LIMIT_MS = 5 * 60_000
/** Shared: an abort without a reason makes an error with a stack. */
const NO_MORE = new Error('not wanted any more')
/** setTimeout's longest. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1

interface End {
  /** null = it is gone. */
  readonly status: UnitStatus | null
  readonly cut: Cut | null
}

/**
 * Follows a unit to its end: copies its log, waits for its exit, ends it when its time is over or somebody wants so.
 *
 * @throws Dropped when it is to be let go as it runs
 */
export async function follow(
  context: AttemptContext,
  run: PreparedRun,
  control: RunControl,
  { runningForMs, note }: { readonly runningForMs: number; readonly note: string | null },
): Promise<Ending> {
  control.following = true
  const ended = new AbortController()
  control.dropped.addEventListener('abort', () => ended.abort(NO_MORE), { once: true })
  const logs = collect(context, run, note, ended.signal)
  try {
    const exit = awaitExit(context, run, control)
    const cut = await firstCut(context, run, control, exit, runningForMs)
    const end = cut === null ? { status: await exit, cut } : await stop(context, run, control, exit, cut)
    control.following = false
    await drained(context, logs, ended, control)
    return { exit: end.status?.state === 'exited' ? end.status.exit : null, cut: end.cut }
  } finally {
    ended.abort(NO_MORE)
    await logs
  }
}

/**
 * Survives an engine that goes and comes; a unit that is gone gives null. When somebody thinks that it is gone it is
 * looked at: waiting for it might take for ever.
 */
function awaitExit(
  { driver, patience }: AttemptContext,
  run: PreparedRun,
  control: RunControl,
): Promise<UnitStatus | null> {
  const unit = unitName(run.id, run.attempt)
  const exit = new Promise<UnitStatus | null>((resolve, reject) => {
    patience.call(control.dropped, () => driver.wait(unit, control.dropped)).then(resolve, reject)
    const end = (status: UnitStatus | null): void => {
      if (status === null || status.state === 'exited') resolve(status)
    }
    control.onDoubt(() => {
      patience.call(control.dropped, () => driver.inspect(unit, control.dropped)).then(end, reject)
    })
  })
  // Whoever leaves early does not wait for it any more.
  exit.catch(() => undefined)
  return exit
}

/** What of ours ends the unit before it does so itself; null = it has ended, or is gone. */
async function firstCut(
  { clock }: AttemptContext,
  run: PreparedRun,
  control: RunControl,
  exit: Promise<unknown>,
  runningForMs: number,
): Promise<Cut | null> {
  const { timeoutMs } = limitsOf(run)
  const byItself = exit.then(() => null)
  const byUs: Promise<Cut | null> = control.interrupted
  if (timeoutMs === null) return Promise.race([byItself, byUs])
  const settled = new AbortController()
  const timeout = sleepLong(clock, timeoutMs - runningForMs, settled.signal)
  try {
    return await Promise.race([byItself, byUs, timeout.then((): Cut => ({ kind: 'timeout' }))])
  } finally {
    settled.abort(NO_MORE)
  }
}

async function sleepLong(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  for (let left = milliseconds; left > 0 && !signal.aborted; left -= LONGEST_SLEEP_MS) {
    await clock.sleep(Math.min(left, LONGEST_SLEEP_MS), signal)
  }
}

/**
 * True when this is how the unit ended by itself: it may have done so long before anybody was there to look, and then
 * neither the time that went by since nor a wish to cancel it says anything about it. What an owner before us had begun
 * to stop, or what ran for longer than it may, did not end by itself. Of one that is gone nobody knows that it was late.
 */
function endedByItself(status: UnitStatus | null, run: PreparedRun, cut: Cut): boolean {
  if (status === null) return cut.kind === 'timeout'
  if (status.state !== 'exited' || run.stopping) return false
  const { exit } = status
  if (cut.kind !== 'timeout' || exit.kind === 'lost') return true
  const ranForMs = (exit.finishedAt?.getTime() ?? 0) - (exit.startedAt?.getTime() ?? 0)
  return ranForMs <= (limitsOf(run).timeoutMs ?? Number.POSITIVE_INFINITY)
}

/**
 * SIGTERM, grace, SIGKILL; only while the run is ours, so that nobody stops what another server follows, and only if it
 * has not ended by itself.
 */
async function stop(
  { driver, patience, transitions }: AttemptContext,
  run: PreparedRun,
  control: RunControl,
  exit: Promise<UnitStatus | null>,
  cut: Cut,
): Promise<End> {
  const unit = unitName(run.id, run.attempt)
  const inspect = () => patience.call(control.dropped, () => driver.inspect(unit, control.dropped))
  const before = await inspect()
  if (endedByItself(before, run, cut)) return { status: before, cut: null }
  const write = transitions.phase({ id: run.id, fence: run.fence, phase: 'stopping' })
  // A server that stops has no time to wait for a database that is away.
  if (cut.kind !== 'server-stop' && !(await write)) throw new Dropped('another server has it')
  reach('unit-stopping')
  await patience.call(control.dropped, () => driver.stop(unit, limitsOf(run).graceMs, control.dropped))
  const status = await inspect()
  return { status: status === null || status.state === 'exited' ? status : await exit, cut }
}

/** Never rejects: a log that cannot be stored must not keep the verdict from being recorded. */
async function collect(
  { collectLogs, patience, log }: AttemptContext,
  run: PreparedRun,
  note: string | null,
  signal: AbortSignal,
): Promise<void> {
  const { id, attempt } = run
  const request = { runId: id, attempt, unit: unitName(id, attempt), secrets: secretValues(run), note, signal }
  let fresh = !mayHaveUnit(run)
  try {
    await patience.call(signal, () => {
      const first = fresh
      fresh = false
      return collectLogs({ ...request, fresh: first })
    })
  } catch (error) {
    if (signal.aborted) return
    log.error({ err: error, run: id, attempt }, 'a part of the log of a run could not be stored')
  }
}

async function drained(
  { clock, log }: AttemptContext,
  logs: Promise<void>,
  ended: AbortController,
  control: RunControl,
): Promise<void> {
  // Most logs are stored by now: no timer for them.
  if (await Promise.race([logs.then(() => true), nextTurn(false)])) return letGoIfDropped(control)
  const done = new AbortController()
  const limit = clock.sleep(LOG_DRAIN_LIMIT_MS, done.signal).then(() => done.signal.aborted)
  const stored = await Promise.race([logs.then(() => true), limit])
  done.abort(NO_MORE)
  if (!stored) log.error({ run: control.run.id }, 'the log of a run took too long to be stored; its end is missing')
  letGoIfDropped(control)
  ended.abort(NO_MORE)
}

function letGoIfDropped(control: RunControl): void {
  if (control.isDropped) throw new Dropped('let go while its log was stored')
}
