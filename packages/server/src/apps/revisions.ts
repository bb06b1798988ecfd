import type { AppSpec, RevisionState } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'

/** What a revision starts: for good, however tags and variables of the project change later. */
export interface StoredRevision {
  readonly revision: number
  readonly spec: AppSpec
  readonly state: RevisionState
  readonly imageDigest: string | null
  readonly envSnapshot: Readonly<Record<string, string>> | null
}

export async function readRevision(db: Queryable, appId: string, revision: number): Promise<StoredRevision | null> {
  const { rows } = await sql<StoredRevision>`
    select revision, spec, state, image_digest as "imageDigest", env_snapshot as "envSnapshot"
    from app_revisions where app_id = ${appId} and revision = ${revision}`.execute(db)
  return rows[0] ?? null
}

/** The newest one before `before` that was ready once. */
export async function readyBefore(db: Queryable, appId: string, before: number): Promise<StoredRevision | null> {
  const { rows } = await sql<{ revision: number }>`
    select revision from app_revisions where app_id = ${appId} and revision < ${before} and ready_at is not null
    order by revision desc limit 1`.execute(db)
  return rows[0] === undefined ? null : readRevision(db, appId, rows[0].revision)
}

export interface NewRevision {
  readonly appId: string
  readonly revision: number
  readonly spec: AppSpec
  readonly by: string | null
  /** The revision that it repeats, image and variables included. */
  readonly rollbackOf?: StoredRevision
}

/** Stores it as the app's newest, which starts its deploy. An unfinished one before it is over. */
export async function insertRevision(trx: Queryable, { appId, revision, spec, by, rollbackOf }: NewRevision) {
  await sql`
    update app_revisions set state = 'superseded' where app_id = ${appId} and state = 'deploying'`.execute(trx)
  const snapshot = rollbackOf?.envSnapshot ?? null
  await sql`
    insert into app_revisions (app_id, revision, spec, state, image_digest, env_snapshot, rollback_of, by, created_at)
    values (${appId}, ${revision}, ${JSON.stringify(spec)}, 'deploying', ${rollbackOf?.imageDigest ?? null},
      ${snapshot === null ? null : JSON.stringify(snapshot)}::jsonb, ${rollbackOf?.revision ?? null}, ${by}, panda_now())`.execute(
    trx,
  )
  await sql`
    update apps set revision = ${revision}, stopped = false, updated_at = panda_now() where id = ${appId}`.execute(trx)
}
