import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { RunTransitions } from '../runs/transition.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import type { EnginePatience } from './engine-patience.ts'
import type { Hold, HoldAnswer } from './ledger.ts'
import type { CollectLogs, EndedWork, ReachDatabase } from './ports.ts'
import type { Preparation } from './prepare.ts'
import type { SharedImages } from './shared-images.ts'
import type { StartsFirst } from './starts-first.ts'

/** What the attempts of one executor share. */
export interface AttemptContext {
  readonly driver: RuntimeDriver
  readonly patience: EnginePatience
  readonly transitions: RunTransitions
  readonly startsFirst: StartsFirst
  readonly images: SharedImages
  readonly prepare: (run: ClaimedRun) => Promise<Preparation>
  readonly collectLogs: CollectLogs
  readonly reachDatabase: ReachDatabase
  readonly clock: Clock
  readonly log: Log
  readonly installation: string
  /** False when our heartbeat is so old that another server may have taken our runs. */
  readonly surelyOurs: () => boolean
  readonly onEnded: (work: EndedWork) => void
  /** See Ledger.hold. */
  readonly hold: (hold: Hold) => Promise<HoldAnswer>
}
