import { Queue } from '@pandastack/sdk/queue'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AddedJob, JobView, QueueView } from '../../packages/contract/src/index.ts'
import type { Client } from '../support/api-client.ts'
import { freePort } from '../support/free-port.ts'
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** Queues through the server: the store is the one that the project's env names. */

let server: TestServer
let store: FreshDatabase
let api: Client
const queues: Queue<unknown>[] = []

beforeAll(async () => {
  server = await startTestServer()
  store = await freshDatabase()
  api = server.api
  await api.ok('PUT', '/v1/env/DATABASE_URL', { value: store.url })
})
afterAll(async () => {
  for (const queue of queues) await queue.close()
  await server[Symbol.asyncDispose]()
  await store.drop()
})

/** The queue as the user's own code has it. */
function open(name: string): Queue<unknown> {
  const queue = new Queue<unknown>(name, { url: store.url })
  queues.push(queue)
  return queue
}

describe('jobs', () => {
  it('are added by the API and worked on by the SDK', async () => {
    const queue = open('thumbs')
    queue.process((job) => ({ got: job.data }), { handleSignals: false })
    const { id } = await api.ok<AddedJob>('POST', '/v1/queues/thumbs/jobs', { data: { fileId: 7 } })
    expect(await queue.finished(id)).toEqual({ got: { fileId: 7 } })
    const job = await api.ok<JobView>('GET', `/v1/queues/thumbs/jobs/${id}`)
    expect(job).toMatchObject({ id, queue: 'thumbs', state: 'succeeded', value: { got: { fileId: 7 } }, failures: 0 })
  })

  it('are added once per idempotency key', async () => {
    const body = { data: {}, idempotencyKey: 'order-1' }
    const first = await api.ok<AddedJob>('POST', '/v1/queues/orders/jobs', body)
    const second = await api.ok<AddedJob>('POST', '/v1/queues/orders/jobs', body)
    expect(first.deduplicated).toBe(false)
    expect(second).toEqual({ ...first, deduplicated: true })
  })

  it('are cancelled, retried with other data and drained', async () => {
    const { id } = await api.ok<AddedJob>('POST', '/v1/queues/mails/jobs', { data: { to: 'nobody' } })
    expect((await api.call('POST', `/v1/queues/mails/jobs/${id}/retry`, {})).body).toMatchObject({
      status: 409,
      code: 'job_wrong_state',
    })
    await api.ok('POST', `/v1/queues/mails/jobs/${id}/cancel`, { reason: 'a typing error' })
    const cancelled = await api.ok<JobView>('GET', `/v1/queues/mails/jobs/${id}`)
    expect(cancelled).toMatchObject({ state: 'cancelled', reason: 'a typing error' })
    const retried = await api.ok<JobView>('POST', `/v1/queues/mails/jobs/${id}/retry`, { data: { to: 'me' } })
    expect(retried).toMatchObject({ state: 'queued', data: { to: 'me' } })
    expect(await api.ok('POST', '/v1/queues/mails/drain')).toEqual({ jobs: 1 })
  })

  it('that are dead are listed with their error and redriven', async () => {
    const queue = open('broken')
    let fails = true
    queue.process(
      ({ log }) => {
        log('looking')
        if (fails) throw new TypeError('no such file')
      },
      { handleSignals: false },
    )
    const { id } = await api.ok<AddedJob>('POST', '/v1/queues/broken/jobs', { data: {}, attempts: 1 })
    await expect(queue.finished(id)).rejects.toMatchObject({ code: 'job_failed' })
    const page = await api.ok<{ items: JobView[] }>('GET', '/v1/queues/broken/jobs?state=dead')
    expect(page.items).toMatchObject([
      { id, reason: 'attempts', error: { name: 'TypeError', message: 'no such file' } },
    ])
    expect(await api.ok('GET', `/v1/queues/broken/jobs/${id}/logs`)).toEqual({ lines: ['looking'] })
    fails = false
    expect(await api.ok('POST', '/v1/queues/broken/redrive', { reason: 'crashes' })).toEqual({ jobs: 0 })
    expect(await api.ok('POST', '/v1/queues/broken/redrive', { reason: 'attempts' })).toEqual({ jobs: 1 })
    await queue.finished(id)
  })
})

describe('a queue', () => {
  it('is shown with its counts, and paused for its workers', async () => {
    await api.ok('POST', '/v1/queues/slow/jobs', { data: {} })
    expect(await api.ok<QueueView>('POST', '/v1/queues/slow/pause')).toMatchObject({ name: 'slow', paused: true })
    const queue = open('slow')
    const started: string[] = []
    queue.process((job) => void started.push(job.id), { handleSignals: false })
    const { id } = await api.ok<AddedJob>('POST', '/v1/queues/slow/jobs', { data: {} })
    const view = await api.ok<QueueView>('GET', '/v1/queues/slow')
    expect(view.counts.queued).toBe(2)
    expect(view.totals.added).toBe(2)
    expect(started).toEqual([])
    await api.ok('POST', '/v1/queues/slow/resume')
    await queue.finished(id)
    const { items } = await api.ok<{ items: QueueView[] }>('GET', '/v1/queues')
    expect(items.map(({ name }) => name)).toContain('slow')
  })
})

describe('mistakes', () => {
  it.each([
    ['GET', '/v1/queues/nothing', undefined, 404, 'not_found'],
    ['GET', '/v1/queues/orders/jobs/00000000000000000000000000', undefined, 404, 'not_found'],
    ['GET', '/v1/queues/orders/jobs/x', undefined, 400, 'invalid_request'],
    ['POST', '/v1/queues/orders/jobs', { data: {}, dely: '5m' }, 400, 'invalid_request'],
    ['POST', '/v1/queues/orders/jobs', { data: 'x'.repeat(300_000) }, 413, 'too_large'],
    ['POST', '/v1/queues/a b/jobs', { data: {} }, 400, 'invalid_request'],
  ] as const)('%s %s %j', async (method, path, body, status, code) => {
    expect((await api.call(method, encodeURI(path), body)).body).toMatchObject({ status, code })
  })

  it('says which variables would name a store', async () => {
    await api.ok('POST', '/v1/projects', { name: 'bare' })
    const { body } = await api.call<{ code: string; detail: string }>('GET', '/v1/queues?project=bare')
    expect(body).toMatchObject({ status: 409, code: 'queue_store_missing' })
    expect(body.detail).toContain('REDIS_URL')
  })

  it('keeps out of the memory of the server, which all projects would share', async () => {
    await api.ok('POST', '/v1/projects', { name: 'memory' })
    await api.ok('PUT', '/v1/env/PANDA_QUEUE_URL?project=memory', { value: 'memory:' })
    expect((await api.call('GET', '/v1/queues?project=memory')).body).toMatchObject({ code: 'queue_store_unusable' })
  })

  it('reads no options of the URL, which could name files of the server, or call another host than it shows', async () => {
    await api.ok('POST', '/v1/projects', { name: 'options' })
    const url = `${store.url.replace('127.0.0.1', '127.0.0.9')}?host=127.0.0.1`
    await api.ok('PUT', '/v1/env/DATABASE_URL?project=options', { value: url })
    const { body } = await api.call('GET', '/v1/queues?project=options')
    expect(body).toMatchObject({ status: 503, code: 'queue_store_away' })
    await api.ok('PUT', '/v1/env/DATABASE_URL?project=options', { value: 'postgres:///shop?host=/var/run/postgresql' })
    expect((await api.call('GET', '/v1/queues?project=options')).body).toMatchObject({ code: 'queue_store_unusable' })
  })

  it('says that the store is away, without its password', async () => {
    await api.ok('POST', '/v1/projects', { name: 'away' })
    const url = `redis://someone:a-password@127.0.0.1:${await freePort()}`
    await api.ok('PUT', '/v1/env/REDIS_URL?project=away', { value: url })
    const { body } = await api.call('GET', '/v1/queues?project=away')
    expect(body).toMatchObject({ status: 503, code: 'queue_store_away' })
    expect(JSON.stringify(body)).not.toContain('a-password')
  })
})

describe('/metrics', () => {
  const scrape = async (): Promise<string[]> => (await (await api.fetch('GET', '/metrics')).text()).split('\n')

  it('shows each queue of each project, the own one of the server, and which store is away', async () => {
    const elsewhere = await freshDatabase()
    try {
      await api.ok('POST', '/v1/projects', { name: 'shop' })
      await api.ok('PUT', '/v1/env/DATABASE_URL?project=shop', { value: elsewhere.url })
      await api.ok('POST', '/v1/queues/mails/jobs?project=shop', { data: {} })
      await api.ok('POST', '/v1/queues/mails/pause?project=shop')
      await api.ok('POST', '/v1/projects', { name: 'gone' })
      const url = `redis://127.0.0.1:${await freePort()}`
      await api.ok('PUT', '/v1/env/REDIS_URL?project=gone', { value: url })
      const lines = await waitFor(
        'the figures of all stores',
        async () => {
          const all = await scrape()
          return all.includes('panda_queue_store_up{project="gone"} 0') && all
        },
        30_000,
      )
      for (const line of [
        'panda_queue_store_up{project="shop"} 1',
        'panda_queue_jobs{project="shop",queue="mails",state="queued"} 1',
        'panda_queue_added_total{project="shop",queue="mails"} 1',
        'panda_queue_paused{project="shop",queue="mails"} 1',
        'panda_queue_workers{project="shop",queue="mails"} 0',
        'panda_queue_store_up{project="(server)"} 1',
        'panda_queue_workers{project="(server)",queue="alerts"} 1',
        'panda_queue_left_out 0',
      ])
        expect(lines).toContain(line)
      expect(lines.filter((line) => line.includes('project="gone"'))).toHaveLength(1)
    } finally {
      await elsewhere.drop()
    }
  })
})
