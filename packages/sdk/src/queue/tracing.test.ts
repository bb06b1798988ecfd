import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { MemoryStore, openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { Queue } from './queue.ts'

const exporter = new InMemorySpanExporter()
const HEADER = 'traceparent'

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
  propagation.setGlobalPropagator({
    inject: (from, carrier, setter) => {
      const span = trace.getSpanContext(from)
      if (span !== undefined) setter.set(carrier, HEADER, `${span.traceId}-${span.spanId}`)
    },
    extract: (into, carrier, getter) => {
      const [traceId, spanId] = String(getter.get(carrier, HEADER)).split('-')
      return trace.setSpanContext(into, { traceId: traceId ?? '', spanId: spanId ?? '', traceFlags: 1, isRemote: true })
    },
    fields: () => [HEADER],
  })
})
beforeEach(() => exporter.reset())
afterAll(() => {
  trace.disable()
  context.disable()
  propagation.disable()
})

test('the handler runs in a span whose parent is the one that added the job', async () => {
  const queue = new Queue<{ n: number }>('traced', { driver: openMemoryQueueDriver(), allowUnsafeStore: true })
  let inside: string | undefined
  queue.process(async (job) => {
    inside = trace.getActiveSpan()?.spanContext().traceId
    if (job.data.n === 2) throw new Error('two')
  })
  const good = await queue.add({ n: 1 })
  await good.finished()
  const bad = await queue.add({ n: 2 }, { attempts: 1 })
  await bad.finished().catch(() => undefined)
  await queue.close()
  const spans = exporter.getFinishedSpans()
  expect(spans.map((span) => span.name)).toEqual([
    'publish traced',
    'process traced',
    'publish traced',
    'process traced',
  ])
  expect(spans[1]?.parentSpanContext?.spanId).toBe(spans[0]?.spanContext().spanId)
  expect(inside).toBe(spans[2]?.spanContext().traceId)
  expect(spans.map((span) => span.status.code)).toEqual([0, 0, 0, 2])
})

function tracedQueue(store = new MemoryStore()): Queue<{ n: number }> {
  return new Queue<{ n: number }>('traced', { driver: openMemoryQueueDriver({ store }), allowUnsafeStore: true })
}

test('a batch is one span that is linked to all that added its jobs, and tells what failed', async () => {
  const queue = tracedQueue()
  const added = await Promise.all([1, 2, 3].map((n) => queue.add({ n }, { attempts: 1 })))
  const inside: (string | undefined)[] = []
  queue.processBatch(
    async (jobs) => {
      await new Promise((resolve) => setImmediate(resolve))
      inside.push(trace.getActiveSpan()?.spanContext().spanId)
      if (jobs.some((job) => job.data.n === 9)) throw new Error('all of it')
      return jobs.map((job) => (job.data.n === 2 ? new Error('two') : undefined))
    },
    { batch: { size: 3, wait: '1s' } },
  )
  const ends = await Promise.allSettled(added.map((job) => job.finished()))
  expect(ends.map((end) => end.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  const whole = await queue.add({ n: 9 }, { attempts: 1 })
  await expect(whole.finished()).rejects.toMatchObject({ code: 'job_failed' })
  await queue.close()
  const published = spans('publish traced')
  const [first, second] = exporter.getFinishedSpans().filter((span) => span.name === 'process traced')
  expect(first?.links.map(({ context: from }) => from.spanId)).toEqual(published.slice(0, 3).map(({ id }) => id))
  expect(first?.parentSpanContext).toBeUndefined()
  expect(first?.attributes['messaging.batch.message_count']).toBe(3)
  expect(first?.status).toEqual({ code: 2, message: '1 of 3 failed' })
  expect(first?.events.map(({ attributes }) => attributes?.['exception.message'])).toEqual(['two'])
  expect(second?.links).toHaveLength(1)
  expect([second?.status.code, second?.events.length]).toEqual([2, 1])
  expect(inside).toEqual([first?.spanContext().spanId, second?.spanContext().spanId])
})

/** The spans of this name, with the span and the trace that each belongs to. */
function spans(name: string) {
  return exporter
    .getFinishedSpans()
    .filter((span) => span.name === name)
    .map((span) => ({
      id: span.spanContext().spanId,
      trace: span.spanContext().traceId,
      parent: span.parentSpanContext?.spanId,
      attributes: span.attributes,
    }))
}

test('the jobs of a bulk are children of the one span that added them', async () => {
  const queue = tracedQueue()
  const jobs = await queue.addBulk([{ data: { n: 1 } }, { data: { n: 2 }, options: { priority: 1 } }])
  queue.process(() => undefined)
  await Promise.all(jobs.map((job) => job.finished()))
  await queue.close()
  const [adding, ...more] = spans('publish traced')
  expect(more).toEqual([])
  expect(adding?.attributes['messaging.batch.message_count']).toBe(2)
  expect(spans('process traced').map(({ parent }) => parent)).toEqual([adding?.id, adding?.id])
})

test('a flow is one trace, over its queues', async () => {
  const store = new MemoryStore()
  const queue = tracedQueue(store)
  const parts = new Queue('parts', { driver: openMemoryQueueDriver({ store }), allowUnsafeStore: true })
  const ids = await queue.addFlow({ data: { n: 0 }, children: [{ queue: 'parts', data: { n: 1 } }] })
  queue.process(() => undefined)
  parts.process(() => undefined)
  await queue.finished(ids.id)
  await Promise.all([queue.close(), parts.close()])
  const [adding] = spans('publish traced')
  expect(adding).toBeDefined()
  expect([...spans('process traced'), ...spans('process parts')].map(({ parent }) => parent)).toEqual([
    adding?.id,
    adding?.id,
  ])
})

test('each tick of a schedule begins a trace of its own, which its job belongs to', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const store = new MemoryStore(() => now)
  const [queue, rival] = [tracedQueue(store), tracedQueue(store)]
  let runs = 0
  const request = trace.getTracer('test').startSpan('a request')
  await context.with(trace.setSpan(context.active(), request), async () => {
    await queue.schedule('minutely', '* * * * *', { data: { n: 1 } })
    await Promise.all([queue, rival].map((one) => one.process(() => void (runs += 1)).started))
  })
  for (const minute of [1, 2]) {
    now += 60_000
    await expect.poll(() => runs, { timeout: 20_000 }).toBe(minute)
  }
  await Promise.all([queue.close(), rival.close()])
  request.end()
  const ticks = spans('publish traced')
  expect(ticks.map(({ parent, attributes }) => [parent, attributes['panda.schedule.key']])).toEqual([
    [undefined, 'minutely'],
    [undefined, 'minutely'],
  ])
  expect(new Set([...ticks.map(({ trace }) => trace), request.spanContext().traceId]).size).toBe(3)
  expect(spans('process traced').map(({ parent }) => parent)).toEqual(ticks.map(({ id }) => id))
})
