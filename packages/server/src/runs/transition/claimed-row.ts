import type { Trigger } from '@pandastack/contract'
import type { ClaimedRun } from '../claimed-run.ts'

/** What a claim's RETURNING clause gives. */
export interface ClaimedRow {
  readonly id: string
  readonly project_id: string
  readonly cronjob_id: string
  readonly revision: number
  readonly attempt: number
  readonly fence: number
  readonly trigger: Trigger
  readonly due_at: Date
}

export function toClaimedRun(row: ClaimedRow): ClaimedRun {
  return {
    id: row.id,
    projectId: row.project_id,
    cronjobId: row.cronjob_id,
    revision: row.revision,
    attempt: row.attempt,
    fence: row.fence,
    trigger: row.trigger,
    dueAt: row.due_at,
  }
}
