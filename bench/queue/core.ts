/**
 * What the part above the seam costs per job: a no-op handler on the memory driver, which answers at once. Prints microseconds
 * per job, with the driver's own share measured beside it by calling it with batches of the same size.
 */
import { openMemoryQueueDriver } from '../../packages/sdk/src/drivers/memory/index.ts'
import { Queue } from '@pandastack/sdk'

const JOBS = Number(process.argv[2] ?? 200_000)
const BODY = { fileId: 'f'.repeat(40), userId: 'u'.repeat(24) }

const EMPTY = { settings: '', priority: 0, group: null, delayMs: 0, runAt: null, key: null, parent: null, children: [] }

async function rawDriver(batch: number): Promise<number> {
  const driver = openMemoryQueueDriver()
  const jobs = Array.from({ length: JOBS }, (_, n) => ({
    ...EMPTY,
    id: n.toString(32).padStart(26, '0'),
    body: JSON.stringify(BODY),
  }))
  for (let i = 0; i < JOBS; i += 1000) await driver.add('raw', jobs.slice(i, i + 1000))
  await driver.renew({ id: 'w', about: '{}' }, ['raw'], 600_000)
  const none = { count: 0, ageMs: 0 }
  const keep = { succeeded: none, cancelled: none, dead: none }
  const start = performance.now()
  let results: Parameters<typeof driver.exchange>[2]['results'] = []
  for (let done = 0; done < JOBS;) {
    const answer = await driver.exchange('raw', 'w', { results, want: batch, keep })
    results = answer.jobs.map((job) => ({ kind: 'succeeded', job, value: null }))
    done += answer.jobs.length
  }
  await driver.exchange('raw', 'w', { results, want: 0, keep })
  const us = ((performance.now() - start) * 1000) / JOBS
  await driver.close()
  return us
}

async function work(concurrency: number): Promise<number> {
  const driver = openMemoryQueueDriver()
  const queue = new Queue('core', { driver, allowUnsafeStore: true })
  for (let i = 0; i < JOBS; i += 10_000) await queue.addBulk(Array.from({ length: 10_000 }, () => ({ data: BODY })))
  let done = 0
  const start = performance.now()
  await new Promise<void>((resolve) => {
    queue.process(
      async () => {
        done += 1
        if (done === JOBS) resolve()
      },
      { concurrency, keep: { succeeded: { count: 0 } } },
    )
  })
  const us = ((performance.now() - start) * 1000) / JOBS
  await queue.close()
  return us
}

async function add(inFlight: number): Promise<number> {
  const driver = openMemoryQueueDriver()
  const queue = new Queue('core', { driver, allowUnsafeStore: true })
  await queue.add(BODY)
  let left = JOBS
  const start = performance.now()
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await queue.add(BODY)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  const us = ((performance.now() - start) * 1000) / JOBS
  await queue.close()
  await driver.close()
  return us
}

const ROUNDS = 5

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** Rounds of all cells in turn, the first not counted: it is the one that the compiler learns from. */
const cells: Readonly<Record<string, () => Promise<number>>> = {
  driver: () => rawDriver(500),
  'work, concurrency 1': () => work(1),
  'work, concurrency 10': () => work(10),
  'work, concurrency 100': () => work(100),
  'add, 100 in flight': () => add(100),
}
const measured = new Map<string, number[]>(Object.keys(cells).map((name) => [name, []]))
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(cells)) {
    const us = await run()
    if (round > 0) measured.get(name)?.push(us)
  }
}
const raw = median(measured.get('driver') ?? [])
for (const [name, values] of measured) {
  const us = median(values)
  const above = name.startsWith('work') ? `, ${(us - raw).toFixed(2)} above the driver` : ''
  const range = `${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)}`
  console.log(`${name}: ${us.toFixed(2)} us per job (${range})${above}`)
}
