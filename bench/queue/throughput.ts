/**
 * Rates of the whole queue as applications use it, beside its best rival and the raw limit on one store: adds, and handlers
 * that do nothing at concurrency 1, 10 and 100, jobs of 100 bytes and of 1 KB. One process; finished jobs are removed; each
 * job has to come exactly once.
 *
 *   npm run build && npx tsx --conditions=source bench/queue/throughput.ts redis|postgres [part of a cell's name]
 */
import type { Contender } from './common/contender.ts'
import { ourQueue } from './common/ours.ts'
import { payload } from './common/payload.ts'
import { record } from './common/results.ts'
import { onStage, type Stage } from './common/stage.ts'
import { openRaw } from './postgres/raw.ts'
import { rawSubject } from './redis/raw.ts'

const ROUNDS = Number(process.env['ROUNDS'] ?? 3)
const KILOBYTE = payload(1024)

/** One contender's part of a cell. @returns jobs per second */
interface Part {
  readonly who: string
  readonly run: () => Promise<number>
}
interface Plan {
  readonly goal: string
  readonly ratios: readonly (readonly [string, string])[]
  readonly parts: readonly Part[]
}
type Plans = Readonly<Record<string, Plan>>

function worked(who: Contender, concurrency: number, total: number, data?: Record<string, unknown>): Part {
  return {
    who: who.name,
    run: async () => {
      await who.addBulk(total, data)
      return who.work(concurrency, total)
    },
  }
}

/** All contenders of a cell right after each other, round by round: what else the machine does then hits them alike. */
async function measure({ store, empty }: Stage, plans: Plans): Promise<void> {
  const wanted = process.argv[3] ?? ''
  for (const [name, { goal, ratios, parts }] of Object.entries(plans)) {
    if (!name.includes(wanted)) continue
    const rounds: Record<string, number[]> = Object.fromEntries(parts.map(({ who }) => [who, []]))
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { who, run } of parts) {
        await empty()
        rounds[who]?.push(await run())
      }
    }
    record(store, name, { unit: 'jobs/s', goal, rounds, ratios })
  }
}

async function redis(stage: Stage): Promise<void> {
  const { url, ours, rivals } = stage
  const [bull] = rivals
  if (bull === undefined) throw new Error('no rival')
  const alone = ourQueue(url, 0)
  const raw = await rawSubject(url)
  const beside = [['ours', 'bullmq']] as const
  const strict = [...beside, ['ours, prefetch 0', 'bullmq']] as const
  const rawPart = (size: number): Part => ({
    who: `raw, ${size} x 2`,
    run: async () => {
      await raw.add(200_000, 1000, 1)
      const startedAt = performance.now()
      await raw.work(size, 2, 200_000)
      return 200_000 / ((performance.now() - startedAt) / 1000)
    },
  })
  const plans: Plans = {
    'process, concurrency 1': {
      goal: '>= 2 x BullMQ',
      ratios: strict,
      parts: [worked(ours, 1, 100_000), worked(alone, 1, 6000), worked(bull, 1, 6000)],
    },
    'process, concurrency 10': {
      goal: '>= 4 x BullMQ',
      ratios: strict,
      parts: [worked(ours, 10, 150_000), worked(alone, 10, 20_000), worked(bull, 10, 15_000)],
    },
    'process, concurrency 100': {
      goal: '>= 10 x BullMQ, >= 0.6 of the raw limit',
      ratios: [...beside, ['ours', 'raw, 100 x 2'], ['ours', 'raw, 500 x 2']],
      parts: [worked(ours, 100, 200_000), worked(bull, 100, 30_000), rawPart(100), rawPart(500)],
    },
    'process, concurrency 100, jobs of 1 KB': {
      goal: '>= 10 x BullMQ',
      ratios: beside,
      parts: [worked(ours, 100, 100_000, KILOBYTE), worked(bull, 100, 20_000, KILOBYTE)],
    },
    'add, 100 in flight': {
      goal: '>= 4 x BullMQ',
      ratios: beside,
      parts: [ours, bull].map((who) => ({
        who: who.name,
        run: () => who.addOneByOne(100, who === ours ? 100_000 : 20_000),
      })),
    },
    'add, bulk of 1000': {
      goal: '>= 8 x BullMQ',
      ratios: beside,
      parts: [ours, bull].map((who) => ({ who: who.name, run: () => who.addBulk(who === ours ? 100_000 : 20_000) })),
    },
  }
  await measure(stage, plans)
  await raw.close()
}

async function postgres(stage: Stage): Promise<void> {
  const { url, ours, rivals } = stage
  const [batched, plain] = rivals
  if (batched === undefined || plain === undefined) throw new Error('no rivals')
  const alone = ourQueue(url, 0)
  const raw = await openRaw(url)
  const rawPart = (size: number): Part => ({
    who: `raw, ${size} x 2`,
    run: async () => {
      await raw.insert(1000, 1, 40_000)
      return raw.work(size, 2)
    },
  })
  const besideBoth = [
    ['ours', 'graphile, batched'],
    ['ours, prefetch 0', 'graphile, defaults'],
  ] as const
  const plans: Plans = {
    'process, concurrency 1': {
      goal: '>= 1.2 x Graphile batched; without prefetch >= 1.5 x Graphile defaults',
      ratios: besideBoth,
      parts: [worked(ours, 1, 40_000), worked(batched, 1, 30_000), worked(alone, 1, 2000), worked(plain, 1, 2000)],
    },
    'process, concurrency 10': {
      goal: '>= 1.2 x Graphile batched; without prefetch >= 1.5 x Graphile defaults',
      ratios: besideBoth,
      parts: [worked(ours, 10, 40_000), worked(batched, 10, 30_000), worked(alone, 10, 8000), worked(plain, 10, 4000)],
    },
    'process, concurrency 100': {
      goal: '>= 1.5 x Graphile batched, >= 0.6 of the raw limit',
      ratios: [
        ['ours', 'graphile, batched'],
        ['ours', 'raw, 100 x 2'],
        ['ours', 'raw, 500 x 2'],
      ],
      parts: [worked(ours, 100, 60_000), worked(batched, 100, 30_000), rawPart(100), rawPart(500)],
    },
    'process, concurrency 100, jobs of 1 KB': {
      goal: '>= 1.5 x Graphile batched',
      ratios: [['ours', 'graphile, batched']],
      parts: [worked(ours, 100, 40_000, KILOBYTE), worked(batched, 100, 20_000, KILOBYTE)],
    },
    'add, 100 in flight': {
      goal: '>= 20 x Graphile addJob',
      ratios: [['ours', 'graphile, defaults']],
      parts: [ours, plain].map((who) => ({
        who: who.name,
        run: () => who.addOneByOne(100, who === ours ? 40_000 : 2000),
      })),
    },
    'add, bulk of 1000': {
      goal: '>= Graphile addJobs',
      ratios: [['ours', 'graphile, defaults']],
      parts: [ours, plain].map((who) => ({ who: who.name, run: () => who.addBulk(40_000) })),
    },
  }
  await measure(stage, plans)
  await raw.close()
}

await onStage((stage) => (stage.store === 'redis' ? redis(stage) : postgres(stage)))
