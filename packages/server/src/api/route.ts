import type { Duplex } from 'node:stream'
import type { Scope } from '@pandastack/contract'
import type { z } from 'zod'
import type { Identity } from '../auth/authenticator.ts'
import type { ProjectRef } from '../projects/project-directory.ts'
import type { Database } from '../store/database.ts'

/**
 * A route is data plus one handler. Who may call it, which project it is about, what it takes and gives are read from
 * here by the registrar, by the OpenAPI document and by the test that walks all routes.
 */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With fastify's `:parameters`. */
  readonly url: string
  readonly summary: string
  readonly description?: string
  readonly tag: string
  readonly scope: Scope
  /** True: the handler is given the project that the call is about, and nothing of another one. */
  readonly perProject: boolean
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: z.ZodType
  readonly status: 101 | 200 | 201 | 202 | 204
  /** null with status 204, and with 101: then the handler gives a {@link Takeover}. */
  readonly answer: z.ZodType | null
  /** Request headers that it reads, beside those that all routes read. */
  readonly headers?: readonly ('if-match' | 'last-event-id')[]
  /** With this query parameter set it answers server-sent events. */
  readonly streamsWith?: string
  readonly handler: (call: ProjectCall<unknown, unknown, unknown>) => Promise<unknown>
}

/** What a handler works with. It knows nothing of HTTP but a few headers. */
export interface Call<Params, Query, Body> {
  /** Everything is done through this: with an Idempotency-Key it is a transaction that also stores the answer. */
  readonly db: Database
  readonly identity: Identity
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly ifMatch: string | undefined
  readonly lastEventId: string | undefined
  /** Aborts when the client has gone or the server stops. */
  readonly signal: AbortSignal
  /** Sets a header of the answer. */
  readonly header: (name: 'etag' | 'location', value: string) => void
}

export interface ProjectCall<Params, Query, Body> extends Call<Params, Query, Body> {
  readonly project: ProjectRef
}

type Out<T> = T extends z.ZodType ? z.output<T> : undefined

type Definition<P, Q, B, A, C> = Omit<Route, 'perProject' | 'params' | 'query' | 'body' | 'answer' | 'handler'> & {
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  readonly answer: A
  readonly handler: (call: C) => Promise<Answer<A>>
}

type Answer<A> = A extends z.ZodType ? z.output<A> | EventStream : void | Takeover

/** A route about one project: `?project=`, else the token's own, else the default one. */
export function projectRoute<
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  A extends z.ZodType | null = null,
>(definition: Definition<P, Q, B, A, ProjectCall<Out<P>, Out<Q>, Out<B>>>): Route {
  return { ...definition, perProject: true } as unknown as Route
}

/** A route about the whole installation; what a token bound to a project may see of it is the handler's part. */
export function globalRoute<
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  A extends z.ZodType | null = null,
>(definition: Definition<P, Q, B, A, Call<Out<P>, Out<Q>, Out<B>>>): Route {
  return { ...definition, perProject: false } as unknown as Route
}

export interface ServerEvent {
  readonly event: string
  readonly id?: string
  readonly data: unknown
}

/** What a handler gives back to answer with server-sent events. */
export class EventStream {
  readonly events: AsyncIterable<ServerEvent>

  constructor(events: AsyncIterable<ServerEvent>) {
    this.events = events
  }
}

/** What a handler gives back to take the connection over; its call has to ask for an upgrade to the protocol. */
export class Takeover {
  readonly protocol: string
  /** Speaks the protocol until it is over, or the signal aborts; the connection is closed behind it. */
  readonly speak: (socket: Duplex, signal: AbortSignal) => Promise<void>

  constructor(protocol: string, speak: Takeover['speak']) {
    this.protocol = protocol
    this.speak = speak
  }
}
