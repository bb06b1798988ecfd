import { sql } from 'kysely'
import type { Queryable } from '../../store/database.ts'

const LIMIT = 500

export interface ClaimPinned {
  readonly serverId: string
  readonly engineId: string
}

/**
 * Takes queued runs of an engine that no living server has. What it made of their attempt is not known, so they are not
 * to be started again just so: they become running ones of ours, whose attempt the caller ends as lost.
 */
export async function claimPinned(db: Queryable, { serverId, engineId }: ClaimPinned): Promise<void> {
  await sql`
    update runs r set state = 'running', attempt = r.attempt + 1, fence = r.fence + 1, server_id = ${serverId}
    where r.id in (
      select id from runs where state = 'queued' and engine_id = ${engineId} limit ${LIMIT} for update skip locked
    ) and r.state = 'queued'`.execute(db)
}
