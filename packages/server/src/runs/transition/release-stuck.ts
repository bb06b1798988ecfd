import type { Database } from '../../store/database.ts'
import { notifyRuns } from './notify-runs.ts'
import { findStuckHeld, lockCronjobs, releaseHeld } from './release-held.ts'

/** Cronjobs per pass. */
const LIMIT = 500

/** Lets held runs go that nothing is before. @returns how many; 0 in all but rare cases, see {@link findStuckHeld} */
export async function releaseStuck(db: Database): Promise<number> {
  const cronjobIds = await findStuckHeld(db, LIMIT)
  if (cronjobIds.length === 0) return 0
  return db.transaction().execute(async (trx) => {
    const locked = await lockCronjobs(trx, cronjobIds)
    const released = await releaseHeld(trx, [...locked.keys()])
    await notifyRuns(trx, released)
    return released.length
  })
}
