import { type Figure, type Figures, at, measured, median } from './figures.ts'
import { makeEvent, type Way } from './way.ts'

const blocks = 24
const blockSize = 25

export async function publishInFlight(way: Way, total: number, inFlight: number): Promise<void> {
  let left = total
  const one = async () => {
    while (left > 0) {
      left -= 1
      await way.publish([makeEvent()])
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
}

export async function publishing(figures: Figures, way: Way): Promise<void> {
  for (const [total, inFlight] of [
    [3_000, 100],
    [6_000, 1_000],
  ] as const)
    figures.record(
      `publish, ${inFlight} in flight`,
      way.name,
      await measured(total, async () => publishInFlight(way, total, inFlight)),
    )
  const batches = async () => {
    for (let n = 0; n < 3_000; n += 100) await way.publish(Array.from({ length: 100 }, makeEvent))
  }
  figures.record('publish, batches of 100', way.name, await measured(3_000, batches))
}

/**
 * One flush of the broker's disk each, whose speed changes from second to second on a shared machine by a factor of three: so
 * the ways take turns every 25 publishes, forth and back, and the medians of these turns are told.
 */
export async function publishingOneByOne(figures: Figures, ways: readonly Way[]): Promise<void> {
  const latencies = new Map(ways.map(({ name }) => [name, [] as number[]]))
  const perBlock = new Map(ways.map(({ name }) => [name, [] as Figure[]]))
  for (let block = 0; block < blocks; block += 1) {
    for (const way of block % 2 === 0 ? ways : ways.toReversed()) {
      const figure = await measured(blockSize, async () => {
        for (let n = 0; n < blockSize; n += 1) {
          const start = performance.now()
          await way.publish([makeEvent()])
          latencies.get(way.name)?.push(performance.now() - start)
        }
      })
      perBlock.get(way.name)?.push(figure)
    }
  }
  for (const { name } of ways) {
    const all = latencies.get(name) ?? []
    const of = perBlock.get(name) ?? []
    figures.record('publish, 1 in flight', name, {
      perSecond: median(of.map(({ perSecond }) => perSecond)),
      cpuMicros: median(of.map(({ cpuMicros }) => cpuMicros)),
      p50: at(all, 0.5),
      p99: at(all, 0.99),
    })
  }
}
