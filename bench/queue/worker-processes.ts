/**
 * What one, two and four worker processes reach together, handlers that do nothing, concurrency 100 each, and how much of
 * the machine they use for it.
 *
 *   npm run build && npx tsx --conditions=source bench/queue/worker-processes.ts redis|postgres
 */
import { Crew } from './common/crew.ts'
import { record } from './common/results.ts'
import { onStage, type Stage } from './common/stage.ts'
import type { Contender } from './common/contender.ts'

const ROUNDS = 3
const SIZES = [1, 2, 4]
/** Enough for some seconds each: a process that is done in a tenth of one has spent it on compiling. */
const TOTALS = { redis: { ours: 600_000, rival: 60_000 }, postgres: { ours: 80_000, rival: 40_000 } } as const

interface Outcome {
  readonly rate: number
  /** Cores that the worker processes used. */
  readonly cores: number
}

async function together(who: Contender, url: string, size: number, total: number): Promise<Outcome> {
  await who.addBulk(total)
  const crew = await Crew.start({ who: who.name, url, size, concurrency: 100 })
  const before = await crew.cpu()
  const going = crew.go(false)
  const rate = await crew.done(total)
  await going
  const after = await crew.cpu()
  await crew.stop()
  return { rate, cores: (after.micros - before.micros) / 1e6 / (total / rate) }
}

async function processes({ store, url, ours, rivals, empty }: Stage): Promise<void> {
  const rival = rivals[0]
  if (rival === undefined) throw new Error('no rival')
  const totals = TOTALS[store]
  for (const size of SIZES) {
    const rates: Record<string, number[]> = { [ours.name]: [], [rival.name]: [] }
    const cores: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const who of [ours, rival]) {
        await empty()
        const outcome = await together(who, url, size, who === ours ? totals.ours : totals.rival)
        rates[who.name]?.push(outcome.rate)
        if (who === ours) cores.push(outcome.cores)
      }
    }
    record(store, `${size} worker process${size === 1 ? '' : 'es'}, concurrency 100 each`, {
      unit: 'jobs/s',
      goal: store === 'redis' ? '>= 10 x BullMQ' : '>= 1.5 x Graphile batched',
      rounds: rates,
      ratios: [[ours.name, rival.name]],
      note: `cores used by our processes: ${cores.map((one) => one.toFixed(2)).join(', ')}`,
    })
  }
}

await onStage(processes)
