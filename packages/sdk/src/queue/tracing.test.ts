import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'
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
