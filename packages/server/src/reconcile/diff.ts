import { isFinal, type RunState } from '@pandastack/contract'
import type { UnitSummary } from '../runtime/driver.ts'

/** What nobody claims is left alone for so long: its owner may be about to record or to remove it. */
export const ORPHAN_AFTER_MS = 60_000

/** A run as the database has it. */
export interface KnownRun {
  readonly id: string
  readonly state: RunState
  readonly attempt: number
  readonly serverId: string | null
  /** Milliseconds since it ended, by the database's clock; null = it has not. */
  readonly endedForMs: number | null
}

export interface World {
  readonly units: readonly UnitSummary[]
  readonly runs: ReadonlyMap<string, KnownRun>
  readonly livingServers: ReadonlySet<string>
  readonly self: string
  /** Runs that our executor is busy with. */
  readonly isBusy: (runId: string) => boolean
  /** Those of them whose unit was started. */
  readonly following: Iterable<string>
  /** How long we have seen this unit as something that may go, in milliseconds. */
  readonly seenForMs: (unit: string) => number
}

export type Action =
  | { readonly kind: 'remove'; readonly unit: string; readonly stop: boolean; readonly why: string }
  /** We follow the run and the engine does not list its unit. */
  | { readonly kind: 'look-again'; readonly runId: string; readonly attempt: number }

export interface Diff {
  readonly actions: readonly Action[]
  /** Units that may go but whose time has not come. */
  readonly suspects: readonly string[]
}

/** Desired against observed. Pure. Units of running runs are never touched: their owner, or who adopts them, sees to them. */
export function diff(world: World): Diff {
  const actions: Action[] = []
  const suspects: string[] = []
  const listed = new Set<string>()
  for (const unit of world.units) {
    listed.add(unit.labels.run)
    const judged = judgeUnit(unit, world)
    if (judged === 'keep') continue
    if (judged.now || world.seenForMs(unit.name) >= ORPHAN_AFTER_MS) {
      actions.push({ kind: 'remove', unit: unit.name, stop: unit.state === 'running', why: judged.why })
    } else suspects.push(unit.name)
  }
  for (const runId of world.following) {
    const run = world.runs.get(runId)
    if (!listed.has(runId) && run !== undefined) actions.push({ kind: 'look-again', runId, attempt: run.attempt })
  }
  return { actions, suspects }
}

type Judgement = 'keep' | { readonly now: boolean; readonly why: string }

function judgeUnit(unit: UnitSummary, world: World): Judgement {
  const run = world.runs.get(unit.labels.run)
  if (run === undefined) return { now: false, why: 'its run is not known' }
  const { attempt } = unit.labels
  // The claim that asked for it was put back because the engine went away: the next claim takes it over.
  if (run.state === 'queued' && attempt === run.attempt + 1) return 'keep'
  if (attempt > run.attempt) return { now: false, why: 'it belongs to an attempt that is not known' }
  if (attempt < run.attempt) return { now: false, why: 'it belongs to an earlier attempt' }
  if (run.state === 'running') return 'keep'
  const now = isAbandoned(run, world) || (run.endedForMs ?? 0) >= ORPHAN_AFTER_MS
  return { now, why: isFinal(run.state) ? 'its run has ended' : 'its attempt has ended' }
}

/** True when nobody is left who would remove the unit of an attempt that is recorded. */
function isAbandoned(run: KnownRun, { livingServers, self, isBusy }: World): boolean {
  if (run.serverId === self) return !isBusy(run.id)
  return run.serverId === null || !livingServers.has(run.serverId)
}
