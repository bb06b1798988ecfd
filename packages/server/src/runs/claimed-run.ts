import type { Trigger } from '@pandastack/contract'

/**
 * A run that this server has just claimed or adopted: its row says `running`, `server_id` is ours and `fence` is the one
 * to write with. What else an attempt needs is read in one query for a whole batch (executor/prepare.ts).
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
}
