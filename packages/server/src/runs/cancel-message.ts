import type { Reason } from '@pandastack/contract'

/** The sentence that goes with a cancel request. */
export function cancelMessage(reason: Reason, by: string | null): string {
  if (reason === 'replaced') return 'was replaced by the next run of its cronjob'
  if (reason === 'deleted') return 'its cronjob was deleted'
  return by === null ? 'was cancelled by hand' : `was cancelled by ${by}`
}
