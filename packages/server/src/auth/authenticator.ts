import { timingSafeEqual } from 'node:crypto'
import { PandaError, type Scope } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Database } from '../store/database.ts'
import { hashToken, isTokenText } from './token-text.ts'

/** Who calls. */
export interface Identity {
  readonly tokenId: string
  /** For `who` of a run: the token's name. */
  readonly name: string
  readonly scopes: readonly Scope[]
  /** null = every project. */
  readonly projectId: string | null
}

interface Known {
  readonly identity: Identity
  readonly hash: Buffer
  readonly expiresAtMs: number
  readonly readAtMs: number
}

/** A revoked token is refused at once by the server that revoked it, after this long by all others. */
export const TOKEN_CACHE_MS = 5000
const CACHE_LIMIT = 10_000
/** `last_used_at` is written at most so often per token. */
const LAST_USED_EVERY_MS = 60_000

/** Finds out who calls; an API call costs no query of its own while its token is in the cache. */
export class Authenticator {
  readonly #db: Database
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #known = new Map<string, Known>()
  readonly #lastUsed = new Map<string, number>()

  /** @param onError told when `last_used_at` cannot be written, which fails no call */
  constructor(db: Database, clock: Clock, onError: (error: unknown) => void) {
    this.#db = db
    this.#clock = clock
    this.#onError = onError
  }

  /** @throws PandaError `unauthenticated` */
  async identify(authorization: string | undefined): Promise<Identity> {
    if (authorization === undefined) throw new PandaError('unauthenticated', 'The call carries no token.')
    const text = textOf(authorization)
    if (text === undefined) {
      throw new PandaError('unauthenticated', 'The Authorization header is not of the form `Bearer TOKEN`.')
    }
    if (!isTokenText(text)) {
      throw new PandaError('unauthenticated', 'This is not a token of PandaStack; perhaps a part of it is missing.')
    }
    const hash = hashToken(text)
    const known = this.#cached(hash) ?? (await this.#read(hash))
    if (known === undefined || !timingSafeEqual(known.hash, hash)) {
      throw new PandaError('unauthenticated', 'The token is not known here; perhaps it was revoked.')
    }
    if (known.expiresAtMs <= Date.now()) throw new PandaError('unauthenticated', 'The token has expired.')
    this.#noteUse(known.identity.tokenId)
    return known.identity
  }

  /** Whether it is a token in form that this server has not let in before, so that looking it up is a query. */
  isNew(authorization: string | undefined): boolean {
    const text = authorization === undefined ? undefined : textOf(authorization)
    return text !== undefined && isTokenText(text) && !this.#known.has(hashToken(text).toString('hex'))
  }

  /** Called when a token was revoked here. */
  forget(tokenId: string): void {
    for (const [key, known] of this.#known) if (known.identity.tokenId === tokenId) this.#known.delete(key)
  }

  #cached(hash: Buffer): Known | undefined {
    const known = this.#known.get(hash.toString('hex'))
    return known !== undefined && this.#clock.now() - known.readAtMs < TOKEN_CACHE_MS ? known : undefined
  }

  async #read(hash: Buffer): Promise<Known | undefined> {
    const readAtMs = this.#clock.now()
    const row = await this.#db
      .selectFrom('tokens')
      .select(['id', 'name', 'hash', 'scopes', 'project_id', 'expires_at'])
      .where('hash', '=', hash)
      .executeTakeFirst()
    const key = hash.toString('hex')
    this.#known.delete(key)
    if (!row) return undefined
    const oldest = this.#known.keys().next()
    if (this.#known.size >= CACHE_LIMIT && !oldest.done) this.#known.delete(oldest.value)
    const identity = { tokenId: row.id, name: row.name, scopes: row.scopes, projectId: row.project_id }
    const known = { identity, hash: row.hash, expiresAtMs: row.expires_at?.getTime() ?? Infinity, readAtMs }
    this.#known.set(key, known)
    return known
  }

  #noteUse(tokenId: string): void {
    const now = this.#clock.now()
    if (now - (this.#lastUsed.get(tokenId) ?? -Infinity) < LAST_USED_EVERY_MS) return
    if (this.#lastUsed.size >= CACHE_LIMIT) this.#lastUsed.clear()
    this.#lastUsed.set(tokenId, now)
    this.#db
      .updateTable('tokens')
      .set({ last_used_at: sql<Date>`now()` })
      .where('id', '=', tokenId)
      .execute()
      .catch(this.#onError)
  }
}

function textOf(authorization: string): string | undefined {
  return /^Bearer ([^\s]{1,200})$/i.exec(authorization)?.[1]
}

/** @throws PandaError `forbidden` that names the scope */
export function assertScope(identity: Identity, scope: Scope): void {
  if (identity.scopes.includes('admin') || identity.scopes.includes(scope)) return
  throw new PandaError('forbidden', `This needs the scope \`${scope}\`; the token has ${identity.scopes.join(', ')}.`)
}
