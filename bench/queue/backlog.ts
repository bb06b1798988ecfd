/**
 * Does a long queue slow it down? A worker at concurrency 100 works while jobs are added as fast as they are done, so that
 * 1,000 or 1,000,000 wait all the time.
 *
 *   npm run build && npx tsx --conditions=source bench/queue/backlog.ts redis|postgres
 */
import { KEEP, Queue } from './common/built-sdk.ts'
import { NAME } from './common/ours.ts'
import { DATA } from './common/payload.ts'
import { record } from './common/results.ts'
import { onStage, type Stage } from './common/stage.ts'

const ROUNDS = 5
const LEVELS = [1000, 1_000_000]
const CHUNK = 1000
const JOBS = { redis: 60_000, postgres: 30_000 } as const

/** @returns jobs per second that were done (and as many added) */
async function steady(url: string, jobs: number): Promise<number> {
  const adder = new Queue(NAME, { url })
  const worker = new Queue(NAME, { url })
  await adder.stats()
  let done = 0
  let startedAt = 0
  let finish = (): void => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const adding: Promise<unknown>[] = []
  const handler = (): Promise<void> => {
    if (done === 0) startedAt = performance.now()
    done += 1
    if (done % CHUNK === 0 && done <= jobs) adding.push(adder.addBulk(chunk()))
    if (done === jobs) finish()
    return Promise.resolve()
  }
  worker.process(handler, { concurrency: 100, keep: KEEP, handleSignals: false })
  await finished
  const rate = jobs / ((performance.now() - startedAt) / 1000)
  await Promise.all(adding)
  await worker.close()
  await adder.close()
  return rate
}

function chunk(): { data: Record<string, unknown> }[] {
  return Array.from({ length: CHUNK }, () => ({ data: DATA }))
}

async function backlog({ store, url, ours, empty }: Stage): Promise<void> {
  const rounds: Record<string, number[]> = {}
  for (const level of LEVELS) {
    await empty()
    await ours.addBulk(level)
    await steady(url, JOBS[store])
    const label = `${level.toLocaleString('en')} waiting`
    for (let round = 0; round < ROUNDS; round += 1) {
      // What was done beyond the adding is filled up.
      const queue = new Queue(NAME, { url })
      const { queued } = await queue.counts()
      await queue.close()
      if (queued < level) await ours.addBulk(Math.ceil((level - queued) / CHUNK) * CHUNK)
      ;(rounds[label] ??= []).push(await steady(url, JOBS[store]))
    }
  }
  const [few, many] = Object.keys(rounds)
  record(store, 'a million waiting', {
    unit: 'jobs/s, done and added at the same time',
    goal: 'no slower than with 1,000 (± 10 %)',
    rounds,
    ratios: few === undefined || many === undefined ? [] : [[many, few]],
  })
}

await onStage(backlog)
