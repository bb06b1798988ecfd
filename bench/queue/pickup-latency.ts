/**
 * Pickup on an idle queue: from before the add until the handler's first line in another process, one job every 10 ms, by
 * the clock that both processes share.
 *
 *   npm run build && npx tsx --conditions=source bench/queue/pickup-latency.ts redis|postgres
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Queue as QueueClass } from '../../packages/sdk/src/queue/index.ts'
import { Queue } from './common/built-sdk.ts'
import { Crew } from './common/crew.ts'
import { NAME } from './common/ours.ts'
import { DATA } from './common/payload.ts'
import { quantile, record } from './common/results.ts'
import { onStage, type Stage } from './common/stage.ts'
import { openGraphile } from './postgres/graphile.ts'
import { openBull } from './redis/bull-queue.ts'

const ROUNDS = 3
const SAMPLES = 300
const PAUSE_MS = 10
const WARM_UP = 30

interface Adder {
  add(): Promise<unknown>
  close(): Promise<unknown>
}

async function openAdder(who: string, url: string): Promise<Adder> {
  if (who === 'bullmq') {
    const queue = openBull(url)
    return { add: () => queue.add('job', DATA), close: () => queue.close() }
  }
  if (who.startsWith('graphile')) {
    const { utils, close } = await openGraphile(url)
    return { add: () => utils.addJob('noop', DATA), close }
  }
  const queue: QueueClass = new Queue(NAME, { url })
  return { add: () => queue.add(DATA), close: () => queue.close() }
}

/** @returns ms of each sample */
async function pickups(who: string, url: string): Promise<number[]> {
  const crew = await Crew.start({ who, url, size: 1, concurrency: 10 })
  await crew.go(true)
  const adder = await openAdder(who, url)
  const times: number[] = []
  for (let sample = 0; sample < SAMPLES + WARM_UP; sample += 1) {
    const taken = new Promise<string>((resolve) => (crew.onCalls = ({ lastNs }) => resolve(lastNs)))
    const addedNs = process.hrtime.bigint()
    const adding = adder.add()
    times.push(Number(BigInt(await taken) - addedNs) / 1e6)
    await adding
    await delay(PAUSE_MS)
  }
  await adder.close()
  await crew.stop()
  return times.slice(WARM_UP)
}

async function pickup({ store, url, ours, rivals, empty }: Stage): Promise<void> {
  // A local queue of Graphile Worker looks no sooner: its defaults are its best here.
  const rival = rivals.at(-1)?.name ?? ''
  const p50: Record<string, number[]> = { [ours.name]: [], [rival]: [] }
  const p99: Record<string, number[]> = { [ours.name]: [], [rival]: [] }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const who of [ours.name, rival]) {
      await empty()
      const times = await pickups(who, url)
      p50[who]?.push(quantile(times, 0.5))
      p99[who]?.push(quantile(times, 0.99))
    }
  }
  const ratios = [[ours.name, rival]] as const
  record(store, 'pickup on an idle queue, p50', { unit: 'ms', goal: `<= ${rival}`, rounds: p50, ratios })
  record(store, 'pickup on an idle queue, p99', { unit: 'ms', goal: `<= ${rival}`, rounds: p99, ratios })
}

await onStage(pickup)
