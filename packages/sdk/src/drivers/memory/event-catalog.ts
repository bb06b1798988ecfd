import type {
  EventCapabilities,
  LoggedEvent,
  LogPosition,
  SubscriptionSpec,
  UnroutedStats,
} from '../../events/driver.ts'
import type { EventEnvelope } from '../../events/envelope.ts'
import { matchesAny } from '../../events/pattern.ts'
import type { NewJob } from '../../queue/driver.ts'
import { LOG_AGE_MS, LOG_EVENTS, UNROUTED_EVENTS } from '../queue-events/catalog.ts'
import type { EventCatalog, LogPage } from '../queue-events/catalog.ts'
import { decodeEvent, deliveryIdOf, groupOf, queueOf } from '../queue-events/delivery-queue.ts'
import { deliveryOf } from '../queue-events/replay.ts'
import { add } from './add.ts'
import { regroup } from './regroup.ts'
import { nextTurn } from './signals.ts'
import { MemoryStore } from './store.ts'

interface Unrouted {
  readonly event: EventEnvelope
  readonly at: number
}

/** Events of one "server": several drivers may share it, as processes share a database. */
export class MemoryEvents {
  readonly store: MemoryStore
  readonly subscriptions = new Map<string, SubscriptionSpec>()
  readonly log: (LoggedEvent & { readonly at: number })[] = []
  readonly ids = new Set<string>()
  readonly listeners = new Set<() => void>()
  unrouted: Unrouted[] = []
  last = 0

  constructor(store: MemoryStore = new MemoryStore()) {
    this.store = store
  }
}

const CAPABILITIES: EventCapabilities = {
  name: 'memory',
  transactions: false,
  shared: false,
  strictOrder: true,
  log: true,
}

async function answer<T>(value: T): Promise<T> {
  await nextTurn()
  return value
}

/** Each call is carried out in one go; the answer comes in a later turn. */
export function openMemoryCatalog(events: MemoryEvents): EventCatalog {
  const own = new Set<() => void>()
  return {
    capabilities: CAPABILITIES,
    publish: (published) => answer(publish(events, published)),
    deliveryId: deliveryIdOf,
    find: (name) => answer(events.subscriptions.get(name) ?? null),
    names: () => answer([...events.subscriptions.keys()].sort()),
    put: (subscription) => answer(put(events, subscription)),
    remove: (name) => answer(events.subscriptions.delete(name)),
    unrouted: () => answer(unroutedOf(events)),
    maintain: () => answer(trim(events)),
    logPage: (from, limit) => answer(logPage(events, from, limit)),
    onLogged: (listener) => {
      events.listeners.add(listener)
      own.add(listener)
      return answer(() => void events.listeners.delete(listener))
    },
    close: () => {
      for (const listener of own) events.listeners.delete(listener)
      return Promise.resolve()
    },
  }
}

function publish(events: MemoryEvents, published: readonly EventEnvelope[]): void {
  const at = events.store.now()
  const fresh = published.filter(({ id }) => !events.ids.has(id))
  for (const event of fresh) {
    events.ids.add(event.id)
    events.last += 1
    events.log.push({ offset: events.last, event, at })
  }
  const all = [...events.subscriptions.values()]
  for (const event of fresh) {
    if (!all.some(({ patterns }) => matchesAny(patterns, event.type))) events.unrouted.push({ event, at })
  }
  for (const subscription of all) deliver(events, subscription, fresh)
  trim(events)
  for (const listener of events.listeners) listener()
}

function deliver(events: MemoryEvents, { name, patterns, order }: SubscriptionSpec, fresh: readonly EventEnvelope[]) {
  const jobs: NewJob[] = fresh
    .filter(({ type }) => matchesAny(patterns, type))
    .map((event) => deliveryOf(deliveryIdOf(event.id, name), event, order))
  if (jobs.length > 0) add(events.store, events.store.queue(queueOf(name)), jobs)
}

function put(events: MemoryEvents, subscription: SubscriptionSpec): void {
  const { name, order, patterns } = subscription
  const before = events.subscriptions.get(name)
  events.subscriptions.set(name, { name, order, patterns: [...new Set(patterns)] })
  if (before !== undefined && before.order !== order) {
    const keyOf = (body: string): string | null => groupOf(order, decodeEvent(body)?.key ?? null)
    regroup(events.store, events.store.queue(queueOf(name)), keyOf)
  }
  const isFor = ({ event }: Unrouted): boolean => matchesAny(patterns, event.type)
  const found = events.unrouted.filter(isFor)
  events.unrouted = events.unrouted.filter((each) => !isFor(each))
  deliver(
    events,
    subscription,
    found.map(({ event }) => event),
  )
}

function trim(events: MemoryEvents): void {
  const oldest = events.store.now() - LOG_AGE_MS
  const surplus = events.log.findIndex(({ at }, index) => at > oldest && events.log.length - index <= LOG_EVENTS)
  for (const { event } of events.log.splice(0, surplus === -1 ? events.log.length : surplus))
    events.ids.delete(event.id)
  events.unrouted.splice(0, Math.max(0, events.unrouted.length - UNROUTED_EVENTS))
}

function unroutedOf(events: MemoryEvents): UnroutedStats {
  const counts = new Map<string, number>()
  for (const { event } of events.unrouted) counts.set(event.type, (counts.get(event.type) ?? 0) + 1)
  const [first] = events.unrouted
  return {
    count: events.unrouted.length,
    types: Object.fromEntries(counts),
    oldestMs: first === undefined ? null : Math.max(0, events.store.now() - first.at),
  }
}

function logPage(events: MemoryEvents, from: LogPosition, limit: number): LogPage {
  const isFrom = ({ offset, event }: LoggedEvent): boolean =>
    'offset' in from ? offset >= from.offset : Date.parse(event.time) >= from.time
  const first = events.log.findIndex(isFrom)
  const page = first === -1 ? [] : events.log.slice(first, first + limit)
  return { events: page.map(({ offset, event }) => ({ offset, event })), final: events.last, last: events.last }
}
