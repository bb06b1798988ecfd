import type { SubscriptionSpec } from '../../events/driver.ts'
import type { Arguments } from './amqp.ts'
import { rungsMs } from './ladder.ts'
import { homeKey, type Names } from './names.ts'
import type { RabbitSettings } from './options.ts'

export interface ExchangeDeclaration {
  readonly kind: 'exchange'
  readonly name: string
  readonly type: 'fanout' | 'topic' | 'direct'
  readonly alternate?: string
}
export interface QueueDeclaration {
  readonly kind: 'queue'
  readonly name: string
  readonly arguments: Arguments
}
export interface Binding {
  readonly kind: 'binding'
  readonly to: 'queue' | 'exchange'
  readonly target: string
  readonly source: string
  readonly key: string
}
export type Part = ExchangeDeclaration | QueueDeclaration | Binding

/**
 * Returned deliveries at most, high above what we count ourselves: the broker's own default (20 since version 4, none
 * before) drops or redelivers for ever, depending on the version.
 */
const deliveryLimit = 1_000
/** For queues that are also read by looking at them, which counts as a delivery. */
const unlimited = 1_000_000_000

/** What a publisher needs. */
export function publishParts(names: Names, settings: RabbitSettings): readonly Part[] {
  const unrouted = quorum(unlimited, { 'x-max-length': settings.maxUnrouted, 'x-overflow': 'drop-head' })
  const { log } = settings
  return [
    { kind: 'exchange', name: names.unrouted, type: 'fanout' },
    { kind: 'queue', name: names.unroutedQueue, arguments: unrouted },
    { kind: 'binding', to: 'queue', target: names.unroutedQueue, source: names.unrouted, key: '' },
    { kind: 'exchange', name: names.events, type: 'topic', alternate: names.unrouted },
    { kind: 'exchange', name: names.entry, type: 'fanout' },
    { kind: 'binding', to: 'exchange', target: names.events, source: names.entry, key: '' },
    ...(log === null ? [] : logParts(names, log)),
  ]
}

function logParts(names: Names, log: { maxBytes: number; maxAgeSeconds: number }): readonly Part[] {
  const segment = Math.max(1_000_000, Math.min(100_000_000, Math.floor(log.maxBytes / 10)))
  const limits = {
    'x-queue-type': 'stream',
    'x-max-length-bytes': log.maxBytes,
    'x-max-age': `${log.maxAgeSeconds}s`,
    'x-stream-max-segment-size-bytes': segment,
  }
  return [
    { kind: 'queue', name: names.log, arguments: limits },
    { kind: 'binding', to: 'queue', target: names.log, source: names.entry, key: '' },
  ]
}

/** What a consumer needs beside: the way home, and the ladder of delays that ends there. */
export function consumeParts(names: Names, settings: RabbitSettings): readonly Part[] {
  const orphans = quorum(unlimited, { 'x-max-length': 100_000, 'x-overflow': 'drop-head' })
  return [
    { kind: 'exchange', name: names.orphans, type: 'fanout' },
    { kind: 'queue', name: names.orphansQueue, arguments: orphans },
    { kind: 'binding', to: 'queue', target: names.orphansQueue, source: names.orphans, key: '' },
    // Without the alternate exchange one deleted subscription would block every delay queue for all others.
    { kind: 'exchange', name: names.home, type: 'direct', alternate: names.orphans },
    ...rungsMs.flatMap((ms) => rungParts(names, ms)),
    ...(settings.log === null
      ? []
      : [{ kind: 'binding', to: 'queue', target: names.log, source: names.home, key: homeKey.log } as const]),
  ]
}

function rungParts(names: Names, ms: number): readonly Part[] {
  return [
    { kind: 'exchange', name: names.delay(ms), type: 'fanout' },
    {
      kind: 'queue',
      name: names.delayQueue(ms),
      arguments: { ...safeDeadLetters(names, deliveryLimit), 'x-message-ttl': ms },
    },
    { kind: 'binding', to: 'queue', target: names.delayQueue(ms), source: names.delay(ms), key: '' },
  ]
}

/** The subscription's own queues but the main one, which alone can change its arguments. */
export function sideParts(names: Names, subscription: string): readonly Part[] {
  const returning = {
    ...safeDeadLetters(names, deliveryLimit),
    'x-dead-letter-routing-key': homeKey.dead(subscription),
  }
  const bind = (target: string, key: string): Binding => ({
    kind: 'binding',
    to: 'queue',
    target,
    source: names.home,
    key,
  })
  return [
    { kind: 'queue', name: names.dead(subscription), arguments: quorum(unlimited) },
    bind(names.dead(subscription), homeKey.dead(subscription)),
    { kind: 'queue', name: names.retry(subscription), arguments: { ...returning, 'x-delivery-limit': unlimited } },
    bind(names.retry(subscription), homeKey.retry(subscription)),
    { kind: 'queue', name: names.isolated(subscription), arguments: returning },
    bind(names.isolated(subscription), homeKey.isolated(subscription)),
  ]
}

export function mainParts(names: Names, name: string, entry: MainQueue): readonly Part[] {
  const queue = names.main(name, entry.generation)
  return [
    { kind: 'queue', name: queue, arguments: entry.arguments },
    { kind: 'binding', to: 'queue', target: queue, source: names.home, key: homeKey.main(name, entry.generation) },
    ...entry.patterns.map(
      (key) => ({ kind: 'binding', to: 'queue', target: queue, source: names.events, key }) as const,
    ),
  ]
}

export interface MainQueue {
  readonly generation: number
  readonly arguments: Arguments
  readonly patterns: readonly string[]
}

export const registryKey = 'state'

/** What AMQP cannot be asked, as one message; see registry.ts. */
export function registryParts(names: Names): readonly Part[] {
  return [
    { kind: 'queue', name: names.registry, arguments: quorum(unlimited) },
    { kind: 'exchange', name: names.registryExchange, type: 'direct' },
    { kind: 'binding', to: 'queue', target: names.registry, source: names.registryExchange, key: registryKey },
    { kind: 'exchange', name: names.control, type: 'fanout' },
  ]
}

/** One message: what strict order has to remember across a crash. */
export function stateParts(names: Names, subscription: string): readonly Part[] {
  const target = names.state(subscription)
  return [
    { kind: 'queue', name: target, arguments: quorum(unlimited, { 'x-max-length': 1, 'x-overflow': 'drop-head' }) },
    { kind: 'binding', to: 'queue', target, source: names.home, key: homeKey.state(subscription) },
  ]
}

export function mainArguments(names: Names, spec: Pick<SubscriptionSpec, 'name' | 'order'>): Arguments {
  return {
    // What comes a second time is isolated at once; only looking at it, for its age, is a delivery too.
    ...safeDeadLetters(names, unlimited),
    'x-dead-letter-routing-key': homeKey.dead(spec.name),
    ...(spec.order === 'strict' ? { 'x-single-active-consumer': true } : {}),
  }
}

function quorum(limit: number, more: Arguments = {}): Arguments {
  return { 'x-queue-type': 'quorum', 'x-delivery-limit': limit, ...more }
}

/** At least once, which needs the queue to refuse instead of drop; without a length limit it never does. */
function safeDeadLetters(names: Names, limit: number): Arguments {
  return quorum(limit, {
    'x-dead-letter-exchange': names.home,
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  })
}
