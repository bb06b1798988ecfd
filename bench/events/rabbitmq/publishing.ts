import { type Figure, type Figures, at, measured, median } from './figures.ts'
import { makeEvent, type Way } from './way.ts'

interface Scenario {
  readonly name: string
  readonly inFlight: number
  /** Events in one call. */
  readonly batch: number
  /** Events of one turn. */
  readonly turn: number
  readonly turns: number
}

const scenarios: readonly Scenario[] = [
  { name: 'publish, 1 in flight', inFlight: 1, batch: 1, turn: 25, turns: 24 },
  { name: 'publish, 100 in flight', inFlight: 100, batch: 1, turn: 1_000, turns: 6 },
  { name: 'publish, 1000 in flight', inFlight: 1_000, batch: 1, turn: 3_000, turns: 4 },
  { name: 'publish, batches of 100', inFlight: 1, batch: 100, turn: 1_000, turns: 6 },
]

/** @returns how long each call took, in ms */
export async function publishAll(way: Way, events: number, inFlight: number, batch: number): Promise<number[]> {
  const latencies: number[] = []
  let left = events
  const one = async () => {
    while (left > 0) {
      left -= batch
      const start = performance.now()
      await way.publish(Array.from({ length: batch }, makeEvent))
      latencies.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  return latencies
}

/**
 * A publish is a flush of the broker's disk, whose speed changes from second to second on a shared machine by a factor of
 * three: so the ways take short turns, forth and back, and the medians of the turns are told.
 */
export async function publishing(figures: Figures, ways: readonly Way[]): Promise<void> {
  for (const { name, inFlight, batch, turn, turns } of scenarios) {
    const all = ways.map((way) => ({ way, turns: [] as Figure[], latencies: [] as number[] }))
    for (let n = 0; n < turns; n += 1) {
      for (const each of n % 2 === 0 ? all : all.toReversed())
        each.turns.push(
          await measured(turn, async () => {
            each.latencies.push(...(await publishAll(each.way, turn, inFlight, batch)))
          }),
        )
    }
    for (const { way, turns: taken, latencies } of all)
      figures.record(name, way.name, {
        perSecond: median(taken.map(({ perSecond }) => perSecond)),
        cpuMicros: median(taken.map(({ cpuMicros }) => cpuMicros)),
        p50: at(latencies, 0.5),
        p99: at(latencies, 0.99),
      })
  }
}
