import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { inboxWorld, type InboxWorld, quick } from '../support/inbox-world.ts'
import { NotedTarget, outboxWorld } from '../support/outbox-world.ts'
import { w3cPropagator } from '../support/w3c-propagator.ts'
import { waitFor } from '../support/wait-for.ts'

/** Trace context on its way through a real RabbitMQ: retries, dead letters, redrives. */

const exporter = new InMemorySpanExporter()
let world: InboxWorld

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
  propagation.setGlobalPropagator(w3cPropagator)
})
afterAll(() => {
  trace.disable()
  context.disable()
  propagation.disable()
})
beforeEach(async () => {
  exporter.reset()
  world = await inboxWorld()
})
afterEach(async () => {
  await world[Symbol.asyncDispose]()
})

const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name)

it('makes every attempt a child of the span that published, through retries, a dead letter and its redrive', async () => {
  let mended = false
  const inside: (string | undefined)[] = []
  const events = world.open({ source: 'shop' })
  await events.subscribe('order.placed', { ...quick, attempts: 2 }, () => {
    inside.push(trace.getActiveSpan()?.spanContext().traceId)
    if (!mended) throw new Error('not yet')
  })
  const { id } = await events.publish('order.placed', { n: 1 })
  await world.failure()
  mended = true
  await world.driver.changeDeadLetters('stock', [id], { kind: 'redrive' })
  await waitFor('the redriven event', () => spans('process order.placed').length === 3)

  const [published, ...more] = spans('publish order.placed')
  expect(more).toEqual([])
  const processed = spans('process order.placed')
  const publishedAs = published?.spanContext()
  expect(processed.map((span) => span.parentSpanContext?.spanId)).toEqual([1, 2, 3].map(() => publishedAs?.spanId))
  expect(inside).toEqual([1, 2, 3].map(() => publishedAs?.traceId))
  expect(processed.map(({ status }) => status.code)).toEqual([2, 2, 0])
  expect(processed.map(({ attributes }) => attributes['panda.event.attempt'])).toEqual([1, 2, 1])
  expect(processed[0]?.attributes).toMatchObject({
    'messaging.destination.name': 'order.placed',
    'messaging.message.id': id,
    'messaging.consumer.group.name': 'stock',
  })
})

it('carries tracestate', async () => {
  const events = world.open()
  const states: (string | undefined)[] = []
  await events.subscribe('order.placed', quick, () => {
    states.push(trace.getActiveSpan()?.spanContext().traceState?.serialize())
  })
  const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true }
  const withState = trace.setSpanContext(context.active(), { ...parent, traceState: w3cPropagator.state('vendor=x') })
  await context.with(withState, async () => events.publish('order.placed', { n: 1 }))
  await waitFor('the event', () => states.length === 1)
  expect(states).toEqual(['vendor=x'])
  expect(spans('process order.placed')[0]?.spanContext().traceId).toBe(parent.traceId)
})

it('goes with an event that is written into the outbox', async () => {
  await using outbox = await outboxWorld()
  const target = new NotedTarget()
  const relay = await outbox.start(target)
  await outbox.inTransaction(async (tx) => void (await outbox.events.publish('order.placed', { n: 1 }, { tx })))
  await relay.flush()
  const [published] = spans('publish order.placed')
  const sent = published?.spanContext()
  expect(target.events[0]?.traceparent).toBe(`00-${sent?.traceId}-${sent?.spanId}-01`)
})
