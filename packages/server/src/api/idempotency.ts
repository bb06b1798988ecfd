import { createHash } from 'node:crypto'
import { PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import { z } from 'zod'
import type { SecretBox } from '../settings/secret-box.ts'
import type { Database } from '../store/database.ts'
import { asDatabase } from '../store/nested-transaction.ts'

/** The IETF draft leaves the time to the server; Stripe and others keep a day. */
export const KEEP_HOURS = 24
const KEY = /^[\x21-\x7e]{1,255}$/

export interface StoredAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

export interface IdempotentCall {
  readonly key: string
  readonly tokenId: string
  readonly projectId: string | null
  /** Method and address. */
  readonly route: string
  readonly body: unknown
}

const answerSchema = z.object({ headers: z.record(z.string(), z.string()), body: z.unknown() })

/**
 * Does the work once per key (draft-ietf-httpapi-idempotency-key-header-07). The work's changes and its answer are
 * committed in one transaction: a server that dies in between has done neither, and a client that never saw the answer
 * may ask again. Errors are not kept: work that failed has changed nothing and may be tried again.
 *
 * @throws PandaError `idempotency_in_progress`, `idempotency_mismatch`, `invalid_request` (the key)
 */
export async function once(
  db: Database,
  box: SecretBox,
  call: IdempotentCall,
  work: (db: Database) => Promise<StoredAnswer>,
): Promise<StoredAnswer & { readonly replayed: boolean }> {
  if (!KEY.test(call.key)) {
    throw new PandaError('invalid_request', 'Idempotency-Key: use 1 to 255 printable ASCII characters.')
  }
  const bodyHash = createHash('sha256')
    .update(JSON.stringify(call.body) ?? '')
    .digest()
  const context = ['idempotency', call.tokenId, call.key]
  return db.transaction().execute(async (tx) => {
    const lock = `idempotency ${call.tokenId} ${call.key}`
    const { rows } = await sql<{ mine: boolean }>`
      select pg_try_advisory_xact_lock(hashtextextended(${lock}, 0)) as mine`.execute(tx)
    if (rows[0]?.mine !== true) {
      throw new PandaError('idempotency_in_progress', `The call with the key ${call.key} is still running.`)
    }
    const known = await tx
      .selectFrom('idempotency_keys')
      .select(['route', 'project_id', 'body_hash', 'status', 'response'])
      .where('token_id', '=', call.tokenId)
      .where('key', '=', call.key)
      .where('created_at', '>', sql<Date>`now() - ${KEEP_HOURS} * interval '1 hour'`)
      .executeTakeFirst()
    if (known) {
      const same = known.route === call.route && known.project_id === call.projectId && known.body_hash.equals(bodyHash)
      if (!same) throw new PandaError('idempotency_mismatch', `The key ${call.key} was used for another request.`)
      const answer = answerSchema.parse(JSON.parse(box.open(known.response, context)))
      return { status: known.status, headers: answer.headers, body: answer.body, replayed: true }
    }
    const answer = await work(asDatabase(tx))
    const response = box.seal(JSON.stringify({ headers: answer.headers, body: answer.body }), context)
    const row = { route: call.route, project_id: call.projectId, body_hash: bodyHash, status: answer.status, response }
    await tx
      .insertInto('idempotency_keys')
      .values({ token_id: call.tokenId, key: call.key, ...row })
      .onConflict((expired) =>
        expired.columns(['token_id', 'key']).doUpdateSet({ ...row, created_at: sql<Date>`now()` }),
      )
      .execute()
    return { ...answer, replayed: false }
  })
}
