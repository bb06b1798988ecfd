import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'

export interface Pin {
  readonly appId: string
  readonly revision: number
  /** Null where there are no images. */
  readonly imageDigest: string | null
  readonly envSnapshot: Readonly<Record<string, string>>
}

/** What the first instance of a revision is started from is what all of them are started from. */
export async function pinRevision(trx: Queryable, { appId, revision, imageDigest, envSnapshot }: Pin): Promise<void> {
  await sql`
    update app_revisions set image_digest = coalesce(image_digest, ${imageDigest}),
      env_snapshot = coalesce(env_snapshot, ${JSON.stringify(envSnapshot)}::jsonb)
    where app_id = ${appId} and revision = ${revision} and (image_digest is null or env_snapshot is null)`.execute(trx)
}
