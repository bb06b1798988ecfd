import type { CronjobSpec, PublishedPort, Reason, RunOverrides } from '@pandastack/contract'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { UnitKind } from '../runtime/driver.ts'
import type { ProjectSettings } from './ports.ts'

/** A claimed run with all that its attempt needs. */
/** What of a cronjob's or an app's spec an attempt is made from. */
export type WorkSpec = Pick<
  CronjobSpec,
  'image' | 'entrypoint' | 'command' | 'env' | 'pull' | 'memory' | 'cpus' | 'grace' | 'timeout' | 'retry'
>

export interface PreparedRun extends ClaimedRun {
  /** What it is: a run of a cronjob, or an instance of an app (then `cronjob` names the app). */
  readonly kind: UnitKind
  readonly project: string
  readonly cronjob: string
  readonly spec: WorkSpec
  readonly settings: ProjectSettings
  readonly overrides: RunOverrides
  readonly maxAttempts: number
  readonly lostAttempts: number
  /** Of an earlier attempt or of the run that is replayed. */
  readonly imageDigest: string | null
  readonly envSnapshot: Readonly<Record<string, string>> | null
  /** Milliseconds since its unit's recorded start by the database's clock; null = no start is recorded. */
  readonly runningForMs: number | null
  /** An owner before us had begun to stop its unit. */
  readonly stopping: boolean
  /** Its first attempt would start too late now. */
  readonly pastDeadline: boolean
  readonly cancel: { readonly reason: Reason; readonly by: string | null } | null
  readonly lateAfterMs: number | null
  /** Of an instance of an app; null = none. */
  readonly port: PublishedPort | null
  /** It is not to start before its ledger says so. */
  readonly held: boolean
}

/**
 * True when a unit of this attempt may be there already: it was adopted, or put back after its engine went away in the
 * middle of its start. (A first claim of an attempt raises fence and attempt by one each.)
 */
export function mayHaveUnit(run: ClaimedRun): boolean {
  return run.fence > run.attempt
}
