import { sql } from 'kysely'

/**
 * True of a run `r` that was put back when its engine went away in the middle of its start: the engine may have a unit
 * of it, so only a server of that engine may say what becomes of it.
 */
export const pinned = sql`(r.state = 'queued' and r.engine_id is not null)`
