import type { CronjobSpec, Trigger } from '@pandastack/contract'

/**
 * A run that this server has just claimed or adopted: its row says `running`, `server_id` is ours and `fence` is the one
 * to write with. What else an attempt needs is read for a whole batch at once (executor/prepare.ts).
 */
export interface ClaimedRun {
  readonly id: string
  readonly projectId: string
  readonly cronjobId: string
  readonly revision: number
  readonly attempt: number
  readonly fence: number
  readonly trigger: Trigger
  readonly dueAt: Date
  /** Of a run that was born with this claim; absent = it is read. */
  readonly born?: BornRun
}

/** What a claim that made the run has read of its cronjob already, so that nobody has to read it again. */
export interface BornRun {
  readonly cronjob: string
  readonly spec: CronjobSpec
  readonly maxAttempts: number
}
