import type { EventTypeView } from './admin-views.ts'
import type { EventDriver, LogPosition } from './driver.ts'
import { matchesAny } from './pattern.ts'

interface Seen {
  events: number
  lastAt: string | null
  readonly dataVersions: Set<number>
  readonly sources: Set<string>
}

/**
 * The types that the log, the events without a subscription and the subscriptions themselves tell of, by name.
 * @param from how far back the log is read
 */
export async function seenTypes(
  driver: EventDriver,
  subscriptions: readonly { readonly name: string; readonly patterns: readonly string[] }[],
  from: LogPosition,
  signal?: AbortSignal,
): Promise<EventTypeView[]> {
  const types = new Map<string, Seen>()
  const of = (type: string): Seen => {
    const known = types.get(type) ?? { events: 0, lastAt: null, dataVersions: new Set(), sources: new Set() }
    types.set(type, known)
    return known
  }
  if (driver.readLog !== undefined) {
    for await (const { event } of driver.readLog({ from, patterns: ['#'], follow: false }, signal)) {
      const seen = of(event.type)
      seen.events += 1
      if (seen.lastAt === null || event.time > seen.lastAt) seen.lastAt = event.time
      seen.sources.add(event.source)
      if (event.dataVersion !== null) seen.dataVersions.add(event.dataVersion)
    }
  }
  const unrouted = await driver.unrouted(signal)
  for (const type of Object.keys(unrouted.types)) of(type)
  for (const { patterns } of subscriptions) for (const pattern of patterns) if (!/[*#]/.test(pattern)) of(pattern)
  return [...types.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, { events, lastAt, dataVersions, sources }]) => ({
      type,
      events: driver.readLog === undefined ? null : events,
      lastAt,
      dataVersions: [...dataVersions].sort((a, b) => a - b),
      sources: [...sources].sort(),
      subscriptions: subscriptions.filter(({ patterns }) => matchesAny(patterns, type)).map(({ name }) => name),
      unrouted: unrouted.types[type] ?? 0,
    }))
}
