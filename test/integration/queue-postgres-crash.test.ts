/** Claims that do not wait for the disk (`claimSoftly`), and a PostgreSQL that loses its power meanwhile. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import type { ClaimedJob, JobResult, QueueDriver } from '../../packages/sdk/src/queue/driver.ts'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import { killablePostgres, type KillablePostgres } from '../support/killable-postgres.ts'
import { newJobs } from '../support/new-job.ts'
import { keepNothing } from '../support/postgres-queue.ts'
import { waitFor } from '../support/wait-for.ts'

const HOUR = 3_600_000
let server: KillablePostgres
let driver: QueueDriver
const toEnd: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await killablePostgres()
  driver = openPostgresQueueDriver({ url: server.url })
  await driver.check()
}, 120_000)
afterEach(async () => {
  for (const end of toEnd.splice(0)) await end()
})
afterAll(async () => {
  await driver.close()
  await server[Symbol.asyncDispose]()
})

interface Hand {
  claim(): Promise<ClaimedJob>
  softly(): Promise<ClaimedJob>
  /** @returns ids that were refused */
  record(...results: readonly JobResult[]): Promise<readonly string[]>
}

async function hire(queue: string, id: string): Promise<Hand> {
  await driver.renew({ id, about: '{}' }, [queue], HOUR)
  const exchange = async (results: readonly JobResult[], want: number) =>
    driver.exchange(queue, id, { results, want, keep: keepNothing })
  const only = (jobs: readonly ClaimedJob[] = []): ClaimedJob => {
    const [job] = jobs
    if (job === undefined) throw new Error(`${id} has got no job`)
    return job
  }
  return {
    claim: async () => only((await exchange([], 1)).jobs),
    softly: async () => only((await driver.claimSoftly?.(queue, id, 1))?.jobs),
    record: async (...results) => (await exchange(results, 0)).refused,
  }
}

const done = (job: ClaimedJob): JobResult => ({ kind: 'succeeded', job, value: null })
const failed = (job: ClaimedJob): JobResult => ({ kind: 'retry', job, delayMs: 0, error: '{}' })

async function numbersOf(queue: string) {
  const { counts, totals } = await driver.stats(queue)
  const { queued, running } = counts
  return { queued, running, succeeded: totals.succeeded, crashed: totals.crashed }
}

/** A pool's connection that broke with the server fails its next call. */
async function kill(): Promise<void> {
  await server.kill()
  await waitFor(
    'calls to be answered',
    async () =>
      driver.queues().then(
        () => true,
        () => false,
      ),
    30_000,
  )
}

test('the job of a claim that a crash has undone goes to another: one result is accepted, whoever comes first', async () => {
  for (const staleFirst of [true, false]) {
    const queue = `undone-${staleFirst}`
    const [lost, next] = [await hire(queue, 'lost'), await hire(queue, 'next')]
    await driver.add(queue, newJobs(1))
    const stale = await lost.softly()
    expect(await numbersOf(queue)).toMatchObject({ queued: 0, running: 1 })
    await kill()
    // The claim is gone; what had been acknowledged, the job and both leases, is not.
    expect(await numbersOf(queue)).toMatchObject({ queued: 1, running: 0 })
    if (staleFirst) expect(await lost.record(done(stale))).toEqual([stale.id])
    const fresh = await next.claim()
    expect(fresh).toMatchObject({ id: stale.id, failures: 0, crashes: 0 })
    expect(fresh.fence).not.toBe(stale.fence)
    expect(await driver.note(queue, stale.id, stale.fence, { lines: ['stale'] })).toBe(false)
    if (!staleFirst) expect(await lost.record(done(stale))).toEqual([stale.id])
    expect(await lost.record(failed(stale))).toEqual([stale.id])
    expect(await numbersOf(queue)).toEqual({ queued: 0, running: 1, succeeded: 0, crashed: 0 })
    expect(await next.record(done(fresh))).toEqual([])
    expect(await next.record(done(fresh))).toEqual([fresh.id])
    expect(await lost.record(done(stale))).toEqual([stale.id])
    expect(await numbersOf(queue)).toEqual({ queued: 0, running: 0, succeeded: 1, crashed: 0 })
  }
})

test('a worker that claims the same job again gets another fence, and the result of the undone claim is refused', async () => {
  const hand = await hire('again', 'same')
  const fences = new Set<string>()
  for (let crash = 0; crash < 2; crash += 1) {
    await driver.add('again', newJobs(1))
    const stale = await hand.softly()
    fences.add(stale.fence)
    await kill()
    expect(await numbersOf('again')).toMatchObject({ queued: 1, running: 0 })
    const fresh = await hand.softly()
    expect(fresh.id).toBe(stale.id)
    fences.add(fresh.fence)
    expect(await hand.record(done(stale))).toEqual([stale.id])
    expect(await hand.record(done(fresh))).toEqual([])
  }
  expect(fences.size).toBe(4)
})

test('a result that was acknowledged is never lost, nor anything on which it rests', async () => {
  const hand = await hire('kept', 'one')
  await driver.add('kept', newJobs(2))
  const first = await hand.softly()
  const second = await hand.softly()
  expect(await hand.record(done(first))).toEqual([])
  await kill()
  // The claim of the second came before it.
  expect(await numbersOf('kept')).toEqual({ queued: 0, running: 1, succeeded: 1, crashed: 0 })
  expect(await hand.record(done(second))).toEqual([])
  expect(await numbersOf('kept')).toEqual({ queued: 0, running: 0, succeeded: 2, crashed: 0 })
})

test('a claim that counts for more than its job outlives the crash', async () => {
  await driver.configure('limited', { concurrency: 1 })
  await driver.add('limited', newJobs(1))
  await driver.configure('rated', { rate: { limit: 1, perMs: HOUR } })
  await driver.add('rated', newJobs(2))
  await driver.add(
    'grouped',
    newJobs(2).map((job) => ({ ...job, group: 'g' })),
  )
  await driver.add('failed', newJobs(1))
  const again = await hire('failed', 'w')
  expect(await again.record(failed(await again.claim()))).toEqual([])
  const claims: (readonly [string, ClaimedJob])[] = []
  for (const queue of ['limited', 'rated', 'grouped', 'failed'])
    claims.push([queue, await (await hire(queue, 'w')).softly()])
  await kill()
  for (const [queue, job] of claims) {
    expect(await numbersOf(queue)).toMatchObject({ running: 1 })
    const other = await hire(queue, 'other')
    await expect(other.claim()).rejects.toThrow('other has got no job')
    expect(await (await hire(queue, 'w')).record(done(job))).toEqual([])
  }
  await expect((await hire('rated', 'other')).claim()).rejects.toThrow('other has got no job')
})

test('one job after the other, and the power fails three times: each is done, and has one result', async () => {
  const JOBS = 600
  const KILLS = 3
  const queue = new Queue<{ n: number }>('power', { url: server.url, patience: '60s' })
  toEnd.push(() => queue.close({ grace: 0 }))
  await queue.addBulk(Array.from({ length: JOBS }, (_, n) => ({ data: { n } })))
  const starts = new Map<number, number>()
  const options = { concurrency: 1, prefetch: 0, onError: () => undefined, handleSignals: false }
  queue.process(({ data: { n } }) => {
    starts.set(n, (starts.get(n) ?? 0) + 1)
    return Promise.resolve()
  }, options)
  for (let crash = 1; crash <= KILLS; crash += 1) {
    await waitFor('some more to be done', () => starts.size >= (crash * JOBS) / (KILLS + 1), 60_000)
    await server.kill()
  }
  await waitFor('all to be done', async () => (await numbersOf('power')).succeeded >= JOBS, 60_000)
  expect(await numbersOf('power')).toEqual({ queued: 0, running: 0, succeeded: JOBS, crashed: 0 })
  expect(starts.size).toBe(JOBS)
  // What ran, what waited to be told, and what was on its way in four calls.
  const extra = [...starts.values()].reduce((sum, count) => sum + count, 0) - JOBS
  expect(extra).toBeLessThanOrEqual(KILLS * 6)
})
