import { type EnvVariable, MAX_ENV_BYTES, PandaError } from '@pandastack/contract'
import { type Selectable, sql } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { keyPage, type Page, type PageRequest } from '../store/page.ts'
import type { EnvVariablesTable } from '../store/schema.ts'

/** The project's variables, in plain text; what must stay secret belongs into a secret. */
export async function listEnv(db: Queryable, projectId: string, page: PageRequest): Promise<Page<EnvVariable>> {
  const rows = await db
    .selectFrom('env_variables')
    .selectAll()
    .where('project_id', '=', projectId)
    .$if(page.after !== null, (query) => query.where('name', '>', page.after ?? ''))
    .orderBy('name')
    .limit(page.limit + 1)
    .execute()
  return keyPage(rows, page, (row) => row.name, variableOf)
}

/**
 * Sets one variable, so that two people who set two variables at once lose nothing.
 *
 * @throws PandaError `too_large` when all variables together would exceed the limit of an environment
 */
export async function setEnv(db: Database, projectId: string, name: string, value: string): Promise<EnvVariable> {
  return db.transaction().execute(async (tx) => {
    // Sizes are summed over rows that others may write meanwhile: one writer per project at a time.
    await sql`select pg_advisory_xact_lock(hashtextextended(${`env ${projectId}`}, 0))`.execute(tx)
    const others = await tx
      .selectFrom('env_variables')
      .select(sql<number>`coalesce(sum(octet_length(name) + octet_length(value)), 0)`.as('bytes'))
      .where('project_id', '=', projectId)
      .where('name', '!=', name)
      .executeTakeFirstOrThrow()
    if (others.bytes + Buffer.byteLength(name) + Buffer.byteLength(value) > MAX_ENV_BYTES) {
      throw new PandaError('too_large', `With ${name}, the project's variables would exceed 64 KiB.`, {
        hint: 'Put large values into a file of the image, or into storage that the job reads.',
      })
    }
    const row = await tx
      .insertInto('env_variables')
      .values({ project_id: projectId, name, value })
      .onConflict((conflict) =>
        conflict.columns(['project_id', 'name']).doUpdateSet({ value, updated_at: sql<Date>`now()` }),
      )
      .returningAll()
      .executeTakeFirstOrThrow()
    return variableOf(row)
  })
}

/** @throws PandaError `not_found` */
export async function unsetEnv(db: Queryable, projectId: string, name: string): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('env_variables')
    .where('project_id', '=', projectId)
    .where('name', '=', name)
    .executeTakeFirst()
  if (numDeletedRows === 0n) {
    throw new PandaError('not_found', `The variable ${name} is not set.`, { hint: 'See `panda env list`.' })
  }
}

function variableOf(row: Selectable<EnvVariablesTable>): EnvVariable {
  return { name: row.name, value: row.value, updatedAt: row.updated_at.toISOString() }
}
