import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { hashToken, newTokenText } from './token-text.ts'

/** Any number that nothing else of ours locks. */
const TOKEN_LOCK = 7_300_000_002

export interface FirstTokenOptions {
  readonly home: string
  /** The database belongs to this home: who can read the home may have a token, also when an earlier one was lost. */
  readonly embedded: boolean
}

/**
 * Writes an admin token to `<home>/token` (0600) for the CLI on this machine, when the installation has none or, with
 * the embedded database, when the one in the file is not known. Only its hash goes into the database.
 *
 * @returns the file when a token was written, null when nothing had to be done
 */
export async function ensureFirstToken(db: Database, options: FirstTokenOptions): Promise<string | null> {
  const file = join(options.home, 'token')
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${TOKEN_LOCK}::bigint)`.execute(tx)
    if (await isKnown(tx, await readIfThere(file))) return null
    if (!options.embedded && (await hasTokens(tx))) return null
    const text = newTokenText()
    // The file first: a token that is stored but written nowhere could never be used.
    const fresh = `${file}.new`
    await writeFile(fresh, `${text}\n`, { mode: 0o600 })
    await rename(fresh, file)
    await tx
      .insertInto('tokens')
      .values({ id: newId('tok'), name: 'local', hash: hashToken(text), scopes: ['admin'], project_id: null })
      .execute()
    return file
  })
}

async function isKnown(tx: Queryable, text: string | null): Promise<boolean> {
  if (text === null) return false
  const row = await tx.selectFrom('tokens').select('id').where('hash', '=', hashToken(text.trim())).executeTakeFirst()
  return row !== undefined
}

async function hasTokens(tx: Queryable): Promise<boolean> {
  return (await tx.selectFrom('tokens').select('id').limit(1).executeTakeFirst()) !== undefined
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
