import type { RunState } from '@pandastack/contract'
import { reach } from '../fault-points.ts'
import { nextState } from '../runs/next-state.ts'
import type { Verdict } from '../runs/transition/ended-attempt.ts'
import { RuntimeError, unitName } from '../runtime/driver.ts'
import type { AttemptContext } from './attempt-context.ts'
import { isAway } from './engine-patience.ts'
import { follow } from './follow.ts'
import { launch, PinnedAway } from './launch.ts'
import type { Preparation } from './prepare.ts'
import { mayHaveUnit, type PreparedRun } from './prepared-run.ts'
import { Dropped, type RunControl } from './run-control.ts'
import { limitsOf } from './unit-spec.ts'
import { judge, judgeBug, judgeRefusal, judgeSettings } from './verdict.ts'

interface Outcome {
  readonly verdict: Verdict
  readonly finishedAt: Date | null
}

/**
 * One attempt from its claim to its record: prepare, launch, follow, judge, record, remove. Never rejects. An attempt
 * that is dropped on the way leaves everything as it is for the next owner.
 */
export async function runAttempt(context: AttemptContext, control: RunControl): Promise<void> {
  const { clock, log } = context
  const { id, attempt, fence } = control.run
  const claimedAtMs = clock.now()
  try {
    const preparation = await prepare(context, control)
    if (preparation.kind === 'stale') throw new Dropped('another server has it')
    const { run } = preparation
    const outcome = preparation.kind === 'ready' ? await carryOut(context, run, control) : unusable(preparation.message)
    if (outcome === null) return
    const state = await record(context, run, outcome)
    const durationMs = clock.now() - claimedAtMs + (run.runningForMs ?? 0)
    context.onEnded({ runId: run.id, attempt: run.attempt, trigger: run.trigger, state, durationMs })
    reach('result-recorded')
    await removeUnit(context, run, control)
  } catch (error) {
    if (error instanceof Dropped || control.isDropped) log.debug({ run: id, attempt, fence }, 'let go of a run')
    else log.error({ err: error, run: id, attempt, fence }, 'an attempt broke off; it will be taken up again')
  }
}

async function prepare({ prepare: read, startsFirst }: AttemptContext, control: RunControl): Promise<Preparation> {
  try {
    return await read(control.run)
  } finally {
    startsFirst.prepared()
  }
}

/** @returns how it ended; null when the run was put back because the engine is away */
async function carryOut(context: AttemptContext, run: PreparedRun, control: RunControl): Promise<Outcome | null> {
  try {
    if (run.cancel !== null) control.interrupt({ kind: 'cancel', ...run.cancel })
    const launched = await launch(context, run, control)
    if (launched.kind === 'held') return null
    if (launched.kind === 'too-late') return await giveBack(context, run)
    if (launched.kind === 'running') reach('unit-running')
    const ending = launched.kind === 'ended' ? launched.ending : await follow(context, run, control, launched)
    if (launched.kind === 'running') reach('unit-exited')
    const late = launched.kind === 'running' && launched.adopted && ending.exit?.kind === 'exited'
    return {
      verdict: judge(ending, limitsOf(run)),
      finishedAt: late && ending.exit?.kind === 'exited' ? ending.exit.finishedAt : null,
    }
  } catch (error) {
    if (control.isDropped || error instanceof Dropped) throw error
    if (isAway(error)) return putBack(context, run, error)
    if (error instanceof RuntimeError) return { verdict: judgeRefusal(error), finishedAt: null }
    context.log.error({ err: error, run: run.id }, 'a bug ended an attempt')
    return { verdict: judgeBug(error), finishedAt: null }
  }
}

function unusable(message: string): Outcome {
  return { verdict: judgeSettings(message), finishedAt: null }
}

/** Among those that wait again, its deadline ends it. */
async function giveBack({ transitions }: AttemptContext, { id, fence }: PreparedRun): Promise<null> {
  const message = 'its deadline passed before the engine was back'
  const kept = await transitions.requeued({ id, fence, delayMs: 0, message, pinned: false })
  if (!kept) throw new Dropped('another server has it')
  return null
}

async function putBack(
  { transitions, patience }: AttemptContext,
  run: PreparedRun,
  error: RuntimeError,
): Promise<null> {
  const delayMs = patience.noteAway(error)
  const pinned = error instanceof PinnedAway || mayHaveUnit(run)
  const message = `waits: the engine could not be asked to start it (${error.message})`
  const { id, fence } = run
  if (!(await transitions.requeued({ id, fence, delayMs, message, pinned }))) throw new Dropped('another server has it')
  return null
}

async function record(
  { transitions }: AttemptContext,
  run: PreparedRun,
  { verdict, finishedAt }: Outcome,
): Promise<RunState> {
  const { id, fence, projectId, cronjobId } = run
  const next = nextState(run, verdict.outcome, run.spec.retry, Math.random())
  const accepted = await transitions.finished({ id, fence, projectId, cronjobId, verdict, next, finishedAt })
  if (!accepted) throw new Dropped('another server has it')
  return next.state
}

/** What cannot be removed now is found by the reconciler as an orphan. */
async function removeUnit({ driver, log }: AttemptContext, run: PreparedRun, control: RunControl): Promise<void> {
  const unit = unitName(run.id, run.attempt)
  try {
    await driver.remove(unit, control.dropped)
  } catch (error) {
    if (!(error instanceof RuntimeError) && !control.isDropped) throw error
    log.debug({ err: error, unit }, 'a unit was left for the reconciler to remove')
  }
}
