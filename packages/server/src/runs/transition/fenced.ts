import { sql } from 'kysely'

/** A write of an owner: it counts only while the run still has this fence. */
export interface Fenced {
  readonly id: string
  readonly fence: number
}

/**
 * `r.state = 'running'` for statements that name their runs by id, or by an index of rarer ones. Written so that no index of running runs fits: the
 * planner believes those to be few, as they mostly are, and in a burst would read all of them for each batch.
 */
export const stillRunning = sql.raw(`'' || r.state = 'running'`)
