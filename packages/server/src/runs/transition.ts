import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { coalesce, type Coalesced } from '../store/coalesce.ts'
import type { Database } from '../store/database.ts'
import { retryTransient } from '../store/transient.ts'
import type { EndedAttempt } from './transition/ended-attempt.ts'
import { finishAttempts } from './transition/finish-attempts.ts'
import { recordStarted, type StartedAttempt } from './transition/record-started.ts'
import { requeueRuns, type Requeued } from './transition/requeue.ts'
import { type PhaseChange, setPhases } from './transition/set-phase.ts'

/** Runs per statement. */
const MAX_BATCH = 1000

export interface TransitionDeps {
  readonly db: Database
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Pick<Log, 'warn'>
  /** Writes that may wait for one kind of change: the number of runs that one server follows. */
  readonly maxPending: number
  /** Ends the patience with a database that is away. */
  readonly signal: AbortSignal
}

/**
 * The changes of an owner to its running runs (the others are functions in runs/transition/). Calls of the same moment
 * become one statement. While the database is away they wait. Each answers false when the run is not ours any more.
 */
export interface RunTransitions {
  readonly phase: Coalesced<PhaseChange, boolean>
  readonly started: Coalesced<StartedAttempt, boolean>
  readonly requeued: Coalesced<Requeued, boolean>
  readonly finished: Coalesced<EndedAttempt, boolean>
}

type Write<T> = (db: Database, items: readonly T[]) => Promise<boolean[]>

/** The statements behind {@link RunTransitions}: of runs, or of other work that has the same life. */
export interface TransitionWrites {
  readonly phase: Write<PhaseChange>
  readonly started: Write<StartedAttempt>
  readonly requeued: Write<Requeued>
  readonly finished: Write<EndedAttempt>
}

const RUN_WRITES: TransitionWrites = {
  phase: setPhases,
  started: recordStarted,
  requeued: requeueRuns,
  finished: finishAttempts,
}

export function createTransitions(
  { db, clock, log, maxPending, signal }: TransitionDeps,
  writes: TransitionWrites = RUN_WRITES,
): RunTransitions {
  const batched = <T>(what: string, write: Write<T>) =>
    coalesce<T, boolean>({
      maxBatch: MAX_BATCH,
      maxPending,
      run: (items) =>
        retryTransient(() => write(db, items), {
          clock,
          signal,
          onRetry: (error, attempt) => {
            if (attempt === 1) log.warn({ err: error, runs: items.length }, `${what}: the database is away, repeating`)
          },
        }),
    })
  return {
    phase: batched('phases', writes.phase),
    started: batched('starts', writes.started),
    requeued: batched('requeues', writes.requeued),
    finished: batched('ends', writes.finished),
  }
}
