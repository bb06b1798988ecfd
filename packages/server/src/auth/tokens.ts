import { type Scope, SCOPES, PandaError, type Token } from '@pandastack/contract'
import type { Selectable } from 'kysely'
import type { Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { idPage, type Page, type PageRequest } from '../store/page.ts'
import type { TokensTable } from '../store/schema.ts'
import { hashToken, newTokenText } from './token-text.ts'

export interface NewToken {
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly projectId: string | null
  readonly expiresAt: Date | null
}

/** @returns the stored token and its text, which nobody can ever read again. */
export async function createToken(db: Queryable, wanted: NewToken): Promise<{ id: string; text: string }> {
  const text = newTokenText()
  const id = newId('tok')
  await db
    .insertInto('tokens')
    .values({
      id,
      name: wanted.name,
      hash: hashToken(text),
      scopes: SCOPES.filter((scope) => wanted.scopes.includes(scope)),
      project_id: wanted.projectId,
      expires_at: wanted.expiresAt,
    })
    .execute()
  return { id, text }
}

/** @param projectId null = the tokens of every project, and those bound to none */
export async function listTokens(db: Queryable, projectId: string | null, page: PageRequest): Promise<Page<Token>> {
  const query = select(db)
    .$if(projectId !== null, (builder) => builder.where('tokens.project_id', '=', projectId))
    .$if(page.after !== null, (builder) => builder.where('tokens.id', '>', page.after ?? ''))
    .orderBy('tokens.id')
    .limit(page.limit + 1)
  return idPage(await query.execute(), page, tokenOf)
}

/** @throws PandaError `not_found` */
export async function getToken(db: Queryable, projectId: string | null, id: string): Promise<Token> {
  const row = await select(db)
    .where('tokens.id', '=', id)
    .$if(projectId !== null, (builder) => builder.where('tokens.project_id', '=', projectId))
    .executeTakeFirst()
  if (!row) throw new PandaError('not_found', `There is no token ${id}.`, { hint: 'See `panda token list`.' })
  return tokenOf(row)
}

/** @throws PandaError `not_found` */
export async function revokeToken(db: Queryable, projectId: string | null, id: string): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('tokens')
    .where('id', '=', id)
    .$if(projectId !== null, (builder) => builder.where('project_id', '=', projectId))
    .executeTakeFirst()
  if (numDeletedRows === 0n) {
    throw new PandaError('not_found', `There is no token ${id}.`, { hint: 'See `panda token list`.' })
  }
}

function select(db: Queryable) {
  return db
    .selectFrom('tokens')
    .leftJoin('projects', 'projects.id', 'tokens.project_id')
    .selectAll('tokens')
    .select('projects.name as project')
}

function tokenOf(row: Selectable<TokensTable> & { project: string | null }): Token {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    project: row.project,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    expiresAt: row.expires_at?.toISOString() ?? null,
  }
}
