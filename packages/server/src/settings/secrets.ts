import { envNameSchema, MAX_ENV_BYTES, PandaError, type Secret } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { idPage, type Page, type PageRequest } from '../store/page.ts'
import { MIN_SECRET_LENGTH } from '../logs/secret-forms.ts'
import { registryHost } from './registry-host.ts'
import type { SecretBox } from './secret-box.ts'
import { registryAuthText, secretContext } from './secret-record.ts'

export type SecretKind = Secret['kind']

export interface SecretName {
  readonly kind: SecretKind
  readonly name: string
  /** Name of the cronjob that alone gets it; null = the whole project. */
  readonly cronjob: string | null
}

/** Names and fingerprints; no query of this file selects a ciphertext. */
export async function listSecrets(db: Queryable, projectId: string, page: PageRequest): Promise<Page<Secret>> {
  const rows = await selectSecrets(db, projectId)
    .$if(page.after !== null, (query) => query.where('secrets.id', '>', page.after ?? ''))
    .orderBy('secrets.id')
    .limit(page.limit + 1)
    .execute()
  return idPage(rows, page, secretOf)
}

/**
 * Sets one secret; a second call replaces it and raises its version.
 *
 * @param value for kind `registry` the password, with `username` beside it
 * @throws PandaError `invalid_request`, `not_found` (cronjob), `too_large`
 */
export async function setSecret(
  db: Queryable,
  box: SecretBox,
  projectId: string,
  written: SecretName & { readonly value: string; readonly username?: string | undefined },
): Promise<Secret> {
  const secret = normalized(written)
  assertValid(secret)
  const cronjobId = secret.cronjob === null ? null : await cronjobIdOf(db, projectId, secret.cronjob)
  const place = { project_id: projectId, cronjob_id: cronjobId, kind: secret.kind, name: secret.name }
  const text =
    secret.kind === 'registry'
      ? registryAuthText({ username: secret.username ?? '', password: secret.value })
      : secret.value
  const ciphertext = box.seal(text, secretContext(place))
  const fingerprint = box.fingerprint(text, secretContext(place))
  await sql`
    insert into secrets (id, project_id, cronjob_id, kind, name, ciphertext, fingerprint)
    values (${newId('sec')}, ${projectId}, ${cronjobId}, ${secret.kind}, ${secret.name}, ${ciphertext}, ${fingerprint})
    on conflict (project_id, coalesce(cronjob_id, ''), kind, name) do update
      set ciphertext = excluded.ciphertext, fingerprint = excluded.fingerprint,
          version = secrets.version + 1, updated_at = now()
  `.execute(db)
  const row = await selectSecrets(db, projectId)
    .where('secrets.kind', '=', secret.kind)
    .where('secrets.name', '=', secret.name)
    .where('secrets.cronjob_id', 'is not distinct from', cronjobId)
    .executeTakeFirstOrThrow()
  return { ...secretOf(row), warnings: warningsOf(secret.value) }
}

function warningsOf(value: string): string[] {
  if (value.trim().length >= MIN_SECRET_LENGTH) return []
  return [`It is shorter than ${MIN_SECRET_LENGTH} characters, so it is not hidden in logs.`]
}

function normalized<T extends SecretName>(secret: T): T {
  return secret.kind === 'registry' ? { ...secret, name: registryHost(secret.name) } : secret
}

/** @throws PandaError `not_found` */
export async function unsetSecret(db: Queryable, projectId: string, written: SecretName): Promise<void> {
  const secret = normalized(written)
  const cronjobId = secret.cronjob === null ? null : await cronjobIdOf(db, projectId, secret.cronjob)
  const { numDeletedRows } = await db
    .deleteFrom('secrets')
    .where('project_id', '=', projectId)
    .where('kind', '=', secret.kind)
    .where('name', '=', secret.name)
    .where('cronjob_id', 'is not distinct from', cronjobId)
    .executeTakeFirst()
  if (numDeletedRows === 0n) {
    throw new PandaError('not_found', `The secret ${secret.name} is not set.`, { hint: 'See `panda secret list`.' })
  }
}

/** A registry is a host, perhaps with a port; an env secret is named as a variable is. */
const REGISTRY_HOST = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?(?::\d{1,5})?$/

function wrong(path: string, message: string): PandaError {
  return new PandaError('invalid_request', message, { errors: [{ path, message }] })
}

function assertValid(secret: SecretName & { value: string; username?: string | undefined }): void {
  if (secret.kind === 'env') {
    const name = envNameSchema.safeParse(secret.name)
    if (!name.success) throw wrong('name', `The name of a secret: ${name.error.issues[0]?.message ?? 'not valid'}.`)
    if (secret.username !== undefined) throw wrong('username', 'Only a registry has a user name.')
  } else {
    if (!REGISTRY_HOST.test(secret.name)) throw wrong('name', `"${secret.name.slice(0, 80)}" is not a registry host.`)
    if (secret.username === undefined) throw wrong('username', 'A registry needs a user name.')
    if (secret.cronjob !== null) throw wrong('cronjob', 'A registry login belongs to the whole project.')
  }
  if (secret.value.includes('\0')) throw wrong('value', 'A secret must not hold a NUL character.')
  if (Buffer.byteLength(secret.value) > MAX_ENV_BYTES) throw new PandaError('too_large', 'The secret exceeds 64 KiB.')
}

async function cronjobIdOf(db: Queryable, projectId: string, name: string): Promise<string> {
  const row = await db
    .selectFrom('cronjobs')
    .select('id')
    .where('project_id', '=', projectId)
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (!row) throw new PandaError('not_found', `There is no cronjob ${name} in this project.`)
  return row.id
}

function selectSecrets(db: Queryable, projectId: string) {
  return db
    .selectFrom('secrets')
    .leftJoin('cronjobs', 'cronjobs.id', 'secrets.cronjob_id')
    .select(['secrets.id', 'secrets.kind', 'secrets.name', 'secrets.fingerprint', 'secrets.version'])
    .select(['secrets.updated_at', 'cronjobs.name as cronjob'])
    .where('secrets.project_id', '=', projectId)
}

function secretOf(row: {
  kind: SecretKind
  name: string
  cronjob: string | null
  fingerprint: string
  version: number
  updated_at: Date
}): Secret {
  return {
    kind: row.kind,
    name: row.name,
    cronjob: row.cronjob,
    fingerprint: row.fingerprint,
    version: row.version,
    updatedAt: row.updated_at.toISOString(),
  }
}
