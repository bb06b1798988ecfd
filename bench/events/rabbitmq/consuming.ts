import { setTimeout as delay } from 'node:timers/promises'
import { type Figure, type Figures, at, measured, median } from './figures.ts'
import { publishAll } from './publishing.ts'
import { makeEvent, type Way } from './way.ts'

export const subscriptions = ['mail', 'stats', 'crm']

/** Ready messages of a subscription's queue, as the broker counts them. */
export type Waiting = (subscription: string) => Promise<number>

const turn = 3_000
const turns = 4

/** In turns as well: each fills all three queues and takes each of them empty with another prefetch. */
export async function consuming(figures: Figures, ways: readonly Way[], waiting: Waiting): Promise<void> {
  const taken = new Map<string, Figure[]>()
  for (let n = 0; n < turns; n += 1) {
    for (const way of n % 2 === 0 ? ways : ways.toReversed()) {
      await publishAll(way, turn, 1_000, 1)
      for (const [index, prefetch] of [10, 100, 1_000].entries()) {
        const figure = await consumeOne(way, subscriptions[index] ?? '', prefetch, waiting)
        const key = `${prefetch} ${way.name}`
        taken.set(key, [...(taken.get(key) ?? []), figure])
      }
    }
  }
  for (const [key, all] of taken) {
    const [prefetch = '', name = ''] = key.split(' ')
    figures.record(`consume, prefetch ${prefetch}`, name, {
      perSecond: median(all.map(({ perSecond }) => perSecond)),
      cpuMicros: median(all.map(({ cpuMicros }) => cpuMicros)),
    })
  }
}

async function consumeOne(way: Way, subscription: string, prefetch: number, waiting: Waiting): Promise<Figure> {
  const before = await waiting(subscription)
  let count = 0
  let stop = async () => {}
  const figure = await measured(before, async () => {
    await new Promise<void>((resolve, reject) => {
      way
        .consume(subscription, prefetch, () => {
          count += 1
          if (count === before) resolve()
        })
        .then((stopIt) => (stop = stopIt))
        .catch(reject)
    })
  })
  // The last acknowledgements are on their way.
  await delay(50)
  await stop()
  return figure
}

export async function endToEnd(figures: Figures, way: Way, rate: number, seconds: number): Promise<void> {
  const latencies: number[] = []
  const sentAt = new Map<string, number>()
  const stops = await Promise.all(
    subscriptions.map(async (name) =>
      way.consume(name, 100, ({ id }) => {
        const sent = sentAt.get(id)
        if (sent !== undefined) latencies.push(performance.now() - sent)
      }),
    ),
  )
  const total = rate * seconds
  const figure = await measured(total, async () => {
    const start = performance.now()
    const confirms: Promise<void>[] = []
    for (let sent = 0; sent < total;) {
      for (const due = Math.min(total, ((performance.now() - start) * rate) / 1_000); sent < due; sent += 1) {
        const event = makeEvent()
        sentAt.set(event.id, performance.now())
        confirms.push(way.publish([event]))
      }
      await delay(1)
    }
    await Promise.all(confirms)
    for (let waited = 0; latencies.length < total * 3 && waited < 400; waited += 1) await delay(5)
  })
  await delay(50)
  for (const stop of stops) await stop()
  if (latencies.length !== total * 3)
    throw new Error(`${way.name}: ${latencies.length} of ${total * 3} deliveries at ${rate}/s`)
  figures.record(`end to end, ${rate}/s x 3`, way.name, {
    ...figure,
    p50: at(latencies, 0.5),
    p99: at(latencies, 0.99),
  })
}

export async function consumeAll(way: Way, waiting: Waiting): Promise<void> {
  const stops = await Promise.all(subscriptions.map(async (name) => way.consume(name, 500, () => undefined)))
  for (;;) {
    const left = await Promise.all(subscriptions.map(async (name) => waiting(name)))
    if (left.every((count) => count === 0)) break
    await delay(50)
  }
  // The last of them are on their way to the handler or back.
  await delay(300)
  for (const stop of stops) await stop()
}
