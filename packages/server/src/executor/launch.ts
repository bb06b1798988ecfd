import type { StartedAttempt } from '../runs/transition/record-started.ts'
import { type EnsuredImage, RuntimeError, type UnitStatus, unitName } from '../runtime/driver.ts'
import type { AttemptContext } from './attempt-context.ts'
import { ensureImage } from './ensure-image.ts'
import { visibleEnv } from './environment.ts'
import { mayHaveUnit, type PreparedRun } from './prepared-run.ts'
import { Dropped, type RunControl } from './run-control.ts'
import { unitSpecOf } from './unit-spec.ts'
import type { Ending } from './verdict.ts'

export type Launched =
  /** Its start is recorded. `adopted`: it was not started by this call, so its times are the engine's. */
  | { readonly kind: 'running'; readonly adopted: boolean; readonly runningForMs: number; readonly note: string | null }
  | { readonly kind: 'ended'; readonly ending: Ending }
  /** Nothing was made of it before its deadline passed. */
  | { readonly kind: 'too-late' }
  /** It is back in the queue, with its image at hand, until it may start. */
  | { readonly kind: 'held' }

/** The engine went away when it had been asked to start the unit: it may have done so. */
export class PinnedAway extends RuntimeError {}

/**
 * Brings the attempt to a unit that runs (or has run) and whose start is recorded. A unit that an earlier owner left is
 * taken over.
 *
 * @throws RuntimeError what engine or registry refused. @throws Dropped.
 */
export async function launch(context: AttemptContext, run: PreparedRun, control: RunControl): Promise<Launched> {
  // Also if it is gone by now: who follows it finds that out, and says so in its log.
  if (run.runningForMs !== null) return { kind: 'running', adopted: true, runningForMs: run.runningForMs, note: null }
  const unit = unitName(run.id, run.attempt)
  const found = mayHaveUnit(run) ? await context.driver.inspect(unit, control.dropped) : null
  if (found === null && control.isCut) return cutBeforeStart(control)
  if (found === null && run.pastDeadline && mayHaveUnit(run)) return { kind: 'too-late' }
  const image = await imageFor(context, run, control, found)
  if (image === null) return cutBeforeStart(control)
  if (found === null && run.held) {
    const instead = await hold(context, run, image, control)
    if (instead !== null) return instead
  }
  const toStart = found === null || found.state === 'created'
  const database = toStart ? await databaseOf(context, run) : NO_DATABASE
  const startedAt = toStart ? await start(context, run, image, database.url) : startOf(found)
  const sinceMs = context.clock.now()
  const agoMs = (): number => context.clock.now() - sinceMs
  await context.startsFirst.turn()
  if (control.isDropped) throw new Dropped('let go while it started')
  await recordStart(context, run, image, { startedAt, agoMs })
  const runningForMs = ranForMs(context, run, startedAt) ?? agoMs()
  return { kind: 'running', adopted: startedAt !== null, runningForMs, note: database.note }
}

/** @returns what becomes of it instead of a start; null = it may start. @throws Dropped. */
async function hold(
  context: AttemptContext,
  run: PreparedRun,
  image: EnsuredImage,
  control: RunControl,
): Promise<Launched | null> {
  const { id, fence } = run
  const answer = await context.hold({ id, fence, imageDigest: image.digest, envSnapshot: visibleEnv(run) })
  if (answer === 'go') return null
  if (answer === 'stale') throw new Dropped('another server has it')
  return answer === 'held' ? { kind: 'held' } : cutBeforeStart(control)
}

/**
 * null = cut short before anything ran. For a unit that is there, only the digest is wanted: nothing is pulled anew. One
 * that has run is followed to its end also when it is to be cancelled: it has a right to its grace and its log.
 */
async function imageFor(
  context: AttemptContext,
  run: PreparedRun,
  control: RunControl,
  found: UnitStatus | null,
): Promise<EnsuredImage | null> {
  try {
    return await ensureImage(context, run, control, found === null ? run.spec.pull : 'missing')
  } catch (error) {
    if (control.isDropped) throw new Dropped('let go while it was pulled')
    const hasRun = found !== null && found.state !== 'created'
    if (hasRun && (control.isCut || error instanceof RuntimeError)) return { image: run.spec.image, digest: null }
    if (control.isCut) return null
    throw error
  }
}

async function cutBeforeStart(control: RunControl): Promise<Launched> {
  // A run that is let go has no interrupt to wait for.
  if (control.isDropped) throw new Dropped('let go before it started')
  const interrupt = await control.interrupted
  return { kind: 'ended', ending: { exit: null, cut: interrupt } }
}

interface DatabaseOfRun {
  readonly url: string | null
  readonly note: string | null
}
const NO_DATABASE: DatabaseOfRun = { url: null, note: null }

/** The platform's, for a run whose project and own settings name no store. */
async function databaseOf({ reachDatabase }: AttemptContext, run: PreparedRun): Promise<DatabaseOfRun> {
  const account = run.settings.database ?? null
  if (account === null) return NO_DATABASE
  const reached = await reachDatabase({ id: run.projectId, name: run.project }, account)
  if ('url' in reached) return { url: reached.url, note: null }
  return { url: null, note: `no DATABASE_URL is given by the platform: ${reached.why}` }
}

/** @returns the engine's start time when the unit was there already; null when it was started just now */
async function start(
  context: AttemptContext,
  run: PreparedRun,
  image: EnsuredImage,
  databaseUrl: string | null,
): Promise<Date | null> {
  const { driver, surelyOurs, installation } = context
  // A server that was frozen must not start what another has finished and removed meanwhile.
  const mayGoOn = () => (surelyOurs() ? undefined : assertOurs(context, run))
  const unit = unitSpecOf(run, installation, image.image, databaseUrl)
  try {
    const { adopted } = await driver.start(unit, undefined, mayGoOn)
    return adopted ? startOf(await driver.inspect(unit.name)) : null
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.code !== 'engine-away') throw error
    throw new PinnedAway('engine-away', error.message, { cause: error })
  }
}

/** A write that only the owner can make. */
async function assertOurs({ transitions }: AttemptContext, run: PreparedRun): Promise<void> {
  const ours = await transitions.phase({ id: run.id, fence: run.fence, phase: 'starting' })
  if (!ours) throw new Dropped('another server took it')
}

/** By the engine's clock, which may be wrong: it counts only from the due time on. null = it was started just now. */
function ranForMs({ clock }: AttemptContext, { dueAt }: PreparedRun, startedAt: Date | null): number | null {
  if (startedAt === null) return null
  return Math.max(0, clock.now() - Math.max(startedAt.getTime(), dueAt.getTime()))
}

function startOf(status: UnitStatus | null): Date | null {
  if (status?.state === 'running') return status.startedAt
  if (status?.state === 'exited' && status.exit.kind === 'exited') return status.exit.startedAt
  return null
}

async function recordStart(
  { transitions, patience }: AttemptContext,
  run: PreparedRun,
  image: EnsuredImage,
  times: Pick<StartedAttempt, 'startedAt' | 'agoMs'>,
): Promise<void> {
  patience.noteBack()
  const kept = await transitions.started({
    id: run.id,
    fence: run.fence,
    imageDigest: image.digest,
    envSnapshot: visibleEnv(run),
    ...times,
    lateAfterMs: run.lateAfterMs,
  })
  if (!kept) throw new Dropped('another server took it')
}
