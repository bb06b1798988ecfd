import type { PandaError } from '../errors.ts'
import { assertKnown, namesOf } from '../options.ts'
import { settle } from '../drivers/postgres/options.ts'
import type { PostgresPool, Settled } from '../drivers/postgres/options.ts'
import type { EventOutboxTarget } from './event-lane.ts'
import type { OutboxTarget } from './job-lane.ts'

export interface OutboxOptions {
  /** The database whose transactions write jobs and events. Either this or `pool`. Default: DATABASE_URL. */
  readonly databaseUrl?: string
  /** Your own pool of `pg` instead; it stays yours. Up to four of its connections are used. */
  readonly pool?: PostgresPool
  /** Schema of the outbox: as `outboxSchema` of the `Queue` and `Events` that write to it. Default `panda_queue`. */
  readonly outboxSchema?: string
  /** URL of the store that the queues live in. Default: PANDA_QUEUE_URL, else REDIS_URL; never DATABASE_URL. */
  readonly url?: string
  /** Key prefix on Redis. Default `panda`. */
  readonly namespace?: string
  /** A driver of that store that you made yourself, instead of `url`; it stays yours. */
  readonly target?: OutboxTarget
  /** In production (NODE_ENV), carry jobs to a store even though its settings can lose them. Default false: it is refused. */
  readonly allowUnsafeStore?: boolean
  /** URL of the broker that events go to. Default: as for `Events`. One of PostgreSQL needs no outbox. */
  readonly eventsUrl?: string
  /** First word of all names at the broker. Default: PANDA_EVENTS_NAMESPACE, else `panda`. */
  readonly eventsNamespace?: string
  /** A driver of that broker that you made yourself, instead of `eventsUrl`; it stays yours. */
  readonly eventsTarget?: EventOutboxTarget
  /** Told when a store was away or refused; what was written is kept and tried again. Default: a process warning, once per outage. */
  readonly onError?: (error: PandaError) => void
  /** A look without a wake-up, in ms, for wake-ups that got lost. Default 5,000. */
  readonly safetyMs?: number
}

const KNOWN = namesOf<OutboxOptions>({
  databaseUrl: true,
  pool: true,
  outboxSchema: true,
  url: true,
  namespace: true,
  target: true,
  allowUnsafeStore: true,
  eventsUrl: true,
  eventsNamespace: true,
  eventsTarget: true,
  onError: true,
  safetyMs: true,
})

/** Of our own pool at most: a pass and a flush at a time, for jobs and for events. */
const CONNECTIONS = 4

/** The database of the outbox. @throws PandaError invalid_option, no_store */
export function settleOutbox(options: OutboxOptions, env: NodeJS.ProcessEnv = process.env): Settled {
  assertKnown(options, KNOWN, 'startOutbox')
  const { pool, outboxSchema, databaseUrl = env['DATABASE_URL'] } = options
  return settle({
    ...(pool !== undefined ? { pool } : databaseUrl !== undefined && databaseUrl !== '' && { url: databaseUrl }),
    ...(outboxSchema !== undefined && { schema: outboxSchema }),
    connections: CONNECTIONS,
  })
}
