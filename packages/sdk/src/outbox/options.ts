import type { PandaError } from '../errors.ts'
import type { PostgresPool } from '../drivers/postgres/options.ts'
import type { EventOutboxTarget } from './event-lane.ts'
import type { OutboxTarget } from './job-lane.ts'

export interface OutboxOptions {
  /** The database whose transactions write jobs and events. Either this or `pool`. */
  readonly databaseUrl?: string
  /** Your own pool of `pg` instead; it stays yours. Up to four of its connections are used. */
  readonly pool?: PostgresPool
  /** Default `panda_queue`. */
  readonly schema?: string
  /** URL of the store that the queues live in. Default: PANDA_QUEUE_URL, else REDIS_URL. */
  readonly url?: string
  /** Key prefix on Redis. Default `panda`. */
  readonly namespace?: string
  /** A driver of that store that you made yourself, instead of `url`; it stays yours. */
  readonly target?: OutboxTarget
  /** URL of the broker that events go to. Default: PANDA_EVENTS_URL, else RABBITMQ_URL, else AMQP_URL. */
  readonly eventsUrl?: string
  /** First word of all names at the broker. Default: PANDA_EVENTS_NAMESPACE, else `panda`. */
  readonly eventsNamespace?: string
  /** A driver of that broker that you made yourself, instead of `eventsUrl`; it stays yours. */
  readonly eventsTarget?: EventOutboxTarget
  /** Told when a store was away or refused; what was written is kept and tried again. Default: nothing is said. */
  readonly onError?: (error: PandaError) => void
  /** A look without a wake-up, in ms, for wake-ups that got lost. Default 5,000. */
  readonly safetyMs?: number
}
