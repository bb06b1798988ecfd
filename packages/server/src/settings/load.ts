import { PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import type { RegistryAuth } from '../runtime/driver.ts'
import type { Queryable } from '../store/database.ts'
import { sqlArray } from '../store/sql-array.ts'
import { registryHost } from './registry-host.ts'
import { type SecretBox, SealError } from './secret-box.ts'
import { openRegistryAuth, secretContext, type SecretPlace } from './secret-record.ts'

export interface ProjectSettings {
  readonly env: Record<string, string>
  /** Secrets of the whole project. */
  readonly secrets: Record<string, string>
  /** By cronjob id. */
  readonly cronjobSecrets: ReadonlyMap<string, Record<string, string>>
  /** By registry host. */
  readonly registries: ReadonlyMap<string, RegistryAuth>
}

/**
 * Everything that the runs of these cronjobs inherit, in two queries however many they are. For the executor only:
 * values leave the server by no other way.
 *
 * @throws PandaError `internal` that names the secret which cannot be opened, e.g. after the wrong key file was put back
 */
export async function loadProjectSettings(
  db: Queryable,
  box: SecretBox,
  projectId: string,
  cronjobIds: readonly string[],
): Promise<ProjectSettings> {
  const [variables, sealed] = await Promise.all([
    db.selectFrom('env_variables').select(['name', 'value']).where('project_id', '=', projectId).execute(),
    db
      .selectFrom('secrets')
      .select(['project_id', 'cronjob_id', 'kind', 'name', 'ciphertext'])
      .where('project_id', '=', projectId)
      .where((where) =>
        cronjobIds.length === 0
          ? where('cronjob_id', 'is', null)
          : where.or([
              where('cronjob_id', 'is', null),
              where('cronjob_id', '=', sql<string>`any (${sqlArray(cronjobIds)}::text[])`),
            ]),
      )
      .execute(),
  ])
  const secrets = new Map<string, string>()
  const ofCronjobs = new Map<string, Map<string, string>>()
  const registries = new Map<string, RegistryAuth>()
  for (const row of sealed) {
    const value = openSecret(box, row)
    if (row.kind === 'registry') registries.set(registryHost(row.name), openRegistryAuth(value))
    else if (row.cronjob_id === null) secrets.set(row.name, value)
    else {
      const own = ofCronjobs.get(row.cronjob_id) ?? new Map<string, string>()
      ofCronjobs.set(row.cronjob_id, own.set(row.name, value))
    }
  }
  // By fromEntries, not by assignment: a variable may be called `__proto__`.
  return {
    env: Object.fromEntries(variables.map(({ name, value }) => [name, value])),
    secrets: Object.fromEntries(secrets),
    cronjobSecrets: new Map([...ofCronjobs].map(([id, own]) => [id, Object.fromEntries(own)])),
    registries,
  }
}

function openSecret(box: SecretBox, row: SecretPlace & { readonly ciphertext: Buffer }): string {
  try {
    return box.open(row.ciphertext, secretContext(row))
  } catch (cause) {
    if (!(cause instanceof SealError)) throw cause
    throw new PandaError('internal', `The secret ${row.name} cannot be opened: ${cause.message}.`, {
      hint: `Put the right secret.key back, or set it again: panda secret set ${row.name}`,
      cause,
    })
  }
}
