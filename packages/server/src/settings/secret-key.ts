import { randomBytes } from 'node:crypto'
import { chmod, open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { StartError } from '../start/start-error.ts'
import { SECRET_KEY_BYTES, SecretBox } from './secret-box.ts'

export interface SecretKeyOptions {
  readonly home: string
  /** PANDA_SECRET_KEY, base64; wins over the file. */
  readonly fromConfig: string | null
  /** The database belongs to this home alone, so an unused key may be replaced. */
  readonly embedded: boolean
  readonly warn: (message: string) => void
}

/**
 * The key of this installation: from the configuration, else from `<home>/secret.key`, which the first start makes. The
 * database remembers which key it is, so that no server ever seals with a second one.
 *
 * @throws StartError `secret_key_invalid`; `secret_key_missing`, `secret_key_wrong` when the database was used with another key
 */
export async function openSecretBox(db: Database, options: SecretKeyOptions): Promise<SecretBox> {
  const file = join(options.home, 'secret.key')
  const given =
    options.fromConfig === null
      ? await readKeyFile(file, options.warn)
      : fromText(options.fromConfig, 'PANDA_SECRET_KEY')
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<{
      secret_key_id: string | null
    }>`select secret_key_id from installation for update`.execute(tx)
    const expected = rows[0]?.secret_key_id ?? null
    if (given !== null && (expected === null || expected === given.keyId)) return remember(tx, given)
    if (expected !== null && (!options.embedded || (await hasSealedRecords(tx)))) throw otherKey(given, expected, file)
    return remember(tx, given ?? (await makeKeyFile(file)))
  })
}

async function remember(tx: Queryable, box: SecretBox): Promise<SecretBox> {
  await tx.updateTable('installation').set({ secret_key_id: box.keyId }).execute()
  return box
}

async function hasSealedRecords(tx: Queryable): Promise<boolean> {
  const { rows } = await sql<{ sealed: boolean }>`
    select exists (select 1 from secrets) or exists (select 1 from alerts) as sealed`.execute(tx)
  return rows[0]?.sealed ?? true
}

async function readKeyFile(file: string, warn: (message: string) => void): Promise<SecretBox | null> {
  try {
    const { mode } = await stat(file)
    if ((mode & 0o077) !== 0) {
      await chmod(file, 0o600)
      warn(`${file} could be read by other users of this machine; its mode is 0600 now. Consider new secrets.`)
    }
    return fromText(await readFile(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Exclusive: a key that is there is never overwritten. On disk before the database hears of it. */
async function makeKeyFile(file: string): Promise<SecretBox> {
  const key = randomBytes(SECRET_KEY_BYTES)
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(`${key.toString('base64')}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return new SecretBox(key)
}

function fromText(text: string, origin: string): SecretBox {
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length === SECRET_KEY_BYTES) return new SecretBox(key)
  throw new StartError('secret_key_invalid', `${origin} holds no key of ${SECRET_KEY_BYTES} bytes in base64.`, {
    hint: 'Put the right key back. A new one is made with: openssl rand -base64 32',
  })
}

function otherKey(given: SecretBox | null, expected: string, file: string): StartError {
  const hint = `Copy secret.key from the home of the server that came first to ${file}, or set PANDA_SECRET_KEY to its content.`
  if (given === null) {
    return new StartError(
      'secret_key_missing',
      `The secrets in this database are sealed with key ${expected}, and ${file} is not there.`,
      { hint },
    )
  }
  return new StartError(
    'secret_key_wrong',
    `The secrets in this database are sealed with key ${expected}, but this server has key ${given.keyId}.`,
    { hint },
  )
}
