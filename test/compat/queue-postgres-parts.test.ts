/** What stands between the queue and its PostgreSQL in many houses: a pooler, a replica. */
import { afterEach, expect, test } from 'vitest'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import { Queue } from '../../packages/sdk/src/queue/queue.ts'
import { startOwnPostgres } from '../support/own-postgres.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { newJobs } from '../support/new-job.ts'

const opened: Queue<{ n: number }, number>[] = []
/** Before its store is gone. */
async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((queue) => queue.close({ grace: 0 })))
}
afterEach(closeAll)

function open(url: string): Queue<{ n: number }, number> {
  const queue = new Queue<{ n: number }, number>('q', { url })
  opened.push(queue)
  return queue
}

test('PgBouncer in transaction mode: all works, wake-ups come by looking', async () => {
  await using server = await startOwnPostgres(17)
  await using bouncer = await startPgBouncer(server.url)
  const api = open(bouncer.url)
  const worker = open(bouncer.url)
  await worker.process(async (job) => job.data.n, { concurrency: 10 }).started
  const jobs = await Promise.all(
    Array.from({ length: 200 }, (_, n) => api.add({ n }, { idempotencyKey: `k${n}`, priority: n % 3 })),
  )
  await expect.poll(async () => (await api.counts()).succeeded, { timeout: 60_000, interval: 100 }).toBe(200)
  const infos = await Promise.all(jobs.map((job) => job.info()))
  expect(infos.map((info) => info?.value)).toEqual(jobs.map((_, n) => n))
  // Idle now: LISTEN does not reach it through this pooler.
  const startedAt = Date.now()
  const late = await api.add({ n: 7 })
  await expect.poll(async () => (await late.info())?.state, { timeout: 30_000, interval: 50 }).toBe('succeeded')
  const pickupMs = Date.now() - startedAt
  expect(pickupMs).toBeLessThan(15_000)
  expect((await api.stats()).totals).toMatchObject({ added: 201, succeeded: 201, failed: 0, crashed: 0 })
  process.stdout.write(`PgBouncer: an idle worker picked a job up after ${pickupMs} ms\n`)
  await closeAll()
})

test('PgBouncer in transaction mode: a running job hears of its cancellation', async () => {
  await using server = await startOwnPostgres(15)
  await using bouncer = await startPgBouncer(server.url)
  const queue = open(bouncer.url)
  let running: () => void = () => undefined
  const started = new Promise<void>((resolve) => (running = resolve))
  let aborted: (reason: unknown) => void = () => undefined
  const reason = new Promise<unknown>((resolve) => (aborted = resolve))
  queue.process(async (_job, { signal }) => {
    running()
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    aborted(signal.reason)
    return 0
  })
  const job = await queue.add({ n: 1 })
  await started
  await job.cancel()
  // With the next renewal of the lease.
  expect(await reason).toMatchObject({ code: 'job_cancelled' })
  await closeAll()
})

test('a hot standby is named as read-only, for adds and for workers, and nothing is lost on its primary', async () => {
  await using server = await startOwnPostgres(16)
  const primary = open(server.url)
  await primary.add({ n: 1 })
  await primary.close()
  const { url } = await server.standby()
  await expect(open(url).add({ n: 2 })).rejects.toMatchObject({ code: 'read_only' })
  const errors: unknown[] = []
  const worker = open(url).process(async (job) => job.data.n, { onError: (error) => errors.push(error) })
  await expect(worker.started).rejects.toMatchObject({ code: 'read_only' })
  const driver = openPostgresQueueDriver({ url })
  await expect(driver.add('q', newJobs(1))).rejects.toMatchObject({ code: 'read_only' })
  await driver.close()
  expect(await open(server.url).counts()).toMatchObject({ queued: 1 })
  await closeAll()
})
