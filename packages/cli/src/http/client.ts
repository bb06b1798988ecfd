import type { Socket } from 'node:net'
import type { Target } from '../context.ts'
import { CliError } from '../errors.ts'
import type { Page } from '../output/show.ts'
import { problemError, transportError, unexpectedAnswer } from './failures.ts'
import { send, Answer } from './request.ts'
import { VERSION } from '../version.ts'

/** A call that is not answered by then is given up. Live streams have their own rule, see sse.ts. */
const REQUEST_TIMEOUT_MS = 30_000
/** Waits before the second and the third try of a GET whose connection failed. */
const RETRY_DELAYS_MS = [100, 400] as const
/** The API's largest page. */
export const PAGE_LIMIT = 1000
/** 200 pages of 1000: a bound for a server that would answer cursors for ever. */
const MAX_PAGES = 200

export type Query = Readonly<Record<string, string | number | boolean | undefined>>
export interface RequestOptions {
  readonly query?: Query
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** The HTTP API. Answers are taken as the contract's shapes; failures become CliError. */
export class Client {
  readonly target: Target

  constructor(target: Target) {
    this.target = target
  }

  /** The query that names the project, when one was chosen; else the server takes the token's own. */
  get project(): Query {
    return { project: this.target.project }
  }

  /** The same login, about another project. */
  inProject(project: string): Client {
    return new Client({ ...this.target, project })
  }

  get<T>(path: string, query: Query = {}, options: RequestOptions = {}): Promise<T> {
    return this.#json<T>('GET', path, { ...options, query })
  }

  post<T>(path: string, body?: unknown, query: Query = {}, options: RequestOptions = {}): Promise<T> {
    return this.#json<T>('POST', path, { ...options, query, body })
  }

  put<T>(path: string, body: unknown, query: Query = {}): Promise<T> {
    return this.#json<T>('PUT', path, { query, body })
  }

  patch<T>(path: string, body: unknown, query: Query = {}, options: RequestOptions = {}): Promise<T> {
    return this.#json<T>('PATCH', path, { ...options, query, body })
  }

  async delete(path: string, query: Query = {}): Promise<void> {
    const answer = await this.send('DELETE', path, { query })
    answer.stream.resume()
  }

  /** All pages of a list as one; `nextCursor` is not null when there were more than `maxPages` (200). */
  async all<T>(path: string, query: Query = {}, maxPages = MAX_PAGES): Promise<Page<T>> {
    const items: T[] = []
    let cursor: string | undefined
    for (let pages = 0; pages < maxPages; pages++) {
      const page: Page<T> = await this.get(path, { ...query, limit: PAGE_LIMIT, cursor })
      items.push(...page.items)
      if (page.nextCursor === null) return { items, nextCursor: null }
      cursor = page.nextCursor
    }
    return { items, nextCursor: cursor ?? null }
  }

  url(path: string, query: Query = {}): URL {
    const url = new URL(`${this.target.url.replace(/\/+$/, '')}${path}`)
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    return url
  }

  async #json<T>(method: string, path: string, options: RequestOptions): Promise<T> {
    const answer = await this.send(method, path, options)
    // What is only taken on, e.g. to cancel a job, is answered by 202 and nothing.
    if (answer.status === 204 || (answer.status === 202 && answer.header('content-length') === '0')) {
      answer.stream.resume()
      return undefined as T
    }
    const text = await answer.text().catch((error: unknown) => {
      throw transportError(error, this.target.url)
    })
    try {
      return JSON.parse(text) as T
    } catch {
      throw unexpectedAnswer(this.target.url, answer, text)
    }
  }

  /** A connection that speaks the protocol from now on. @throws CliError when the server refuses or cannot be reached */
  async upgrade(path: string, query: Query, protocol: string): Promise<Socket> {
    const { upgrade } = await import('./upgrade.ts')
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    const answer = await upgrade(this.url(path, query), { headers: this.#ownHeaders(), protocol, signal }).catch(
      (error: unknown) => {
        throw transportError(error, this.target.url)
      },
    )
    if (answer instanceof Answer) throw await problemError(this.target.url, answer)
    return answer
  }

  #ownHeaders(): Record<string, string> {
    const { token } = this.target
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    return { accept: 'application/json', 'user-agent': `panda/${VERSION}`, ...authorization }
  }

  /** An answer with a 2xx status. @throws CliError for anything else. */
  async send(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const url = this.url(path, options.query)
    const headers: Record<string, string> = {
      ...this.#ownHeaders(),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(method === 'POST' ? { 'idempotency-key': (await import('node:crypto')).randomUUID() } : {}),
      ...options.headers,
    }
    const body = options.body === undefined ? null : JSON.stringify(options.body)
    for (let attempt = 0; ; attempt++) {
      const timeout = AbortSignal.timeout(options.timeoutMs ?? REQUEST_TIMEOUT_MS)
      const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal])
      try {
        // A redirect is no success either: followed, it would carry the token to wherever it points.
        const answer = await send(url, { method, headers, body, signal })
        if (answer.ok) return answer
        throw await problemError(this.target.url, answer)
      } catch (error) {
        const wait = RETRY_DELAYS_MS[attempt]
        if (options.signal?.aborted === true) throw error
        if (method !== 'GET' || wait === undefined || !isConnectionFailure(error)) {
          throw transportError(error, this.target.url)
        }
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
  }
}

/** An error of the system, e.g. ECONNREFUSED: nothing is known to have been done. */
function isConnectionFailure(error: unknown): boolean {
  return !(error instanceof CliError) && error instanceof Error && 'code' in error && error.name !== 'TimeoutError'
}

/** A name as one part of a path. `.` and `..` would be folded away by the URL parser and reach another address. */
export function segment(name: string): string {
  return name === '' || name === '.' || name === '..' ? '%20' : encodeURIComponent(name)
}
