import { PandaError } from '@pandastack/contract'
import type { Queryable } from '../store/database.ts'
import { lockIfDue } from './due-cronjobs.ts'
import { recordTicks } from './record-ticks.ts'

/** Pages of a thousand ticks that one change of a cronjob may work off itself. */
const MAX_PAGES = 50

/**
 * Records what is due of one cronjob under its present policy, before that is changed or deleted: no tick may fall
 * between two schedules. The runs are born `queued`. The caller holds the cronjob's row lock.
 *
 * @throws PandaError `too_many_requests` when the backlog of a long downtime is still being worked off
 */
export async function settleDueTicks(trx: Queryable, cronjobId: string): Promise<void> {
  for (let page = 0; page < MAX_PAGES; page++) {
    const due = await lockIfDue(trx, cronjobId)
    if (due.cronjobs.length === 0) return
    const { broken } = await recordTicks(trx, due, null, 0)
    // Nobody can say which ticks it has; the change may be the one that makes it readable again.
    if (broken.length > 0) return
  }
  throw new PandaError(
    'too_many_requests',
    'The ticks that this cronjob missed while no server was up are still being recorded.',
    { hint: 'Repeat the change in a minute.' },
  )
}
