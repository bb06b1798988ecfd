import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { ulid } from '../../queue/ulid.ts'
import type { Delivery, EventDriver, Settlement, SubscriptionSpec } from '../driver.ts'
import type { EventEnvelope } from '../envelope.ts'

export const HOUR = 3_600_000
export const DONE: Settlement = { kind: 'done' }
export const RELEASED: Settlement = { kind: 'released' }
export const ERROR = '{"name":"Error","message":"boom"}'
const PATIENCE_MS = 20_000
const POLL_MS = 10

export function newEvent(type: string, data: unknown = {}, change: Partial<EventEnvelope> = {}): EventEnvelope {
  const plain = { dataVersion: null, key: null, traceparent: null, tracestate: null }
  const time = new Date().toISOString()
  return { id: ulid(), source: 'contract', type, time, data: JSON.stringify(data), ...plain, ...change }
}

/** Numbered from `first` on; see `numberOf`. */
export function newEvents(type: string, count: number, change: Partial<EventEnvelope> = {}, first = 0) {
  return Array.from({ length: count }, (_, index) => newEvent(type, { n: first + index }, change))
}

export function numberOf(delivery: Pick<Delivery, 'raw'>): number {
  return (JSON.parse(delivery.raw) as { n: number }).n
}

export function numbersOf(deliveries: readonly Pick<Delivery, 'raw'>[]): number[] {
  return deliveries.map(numberOf).toSorted((a, b) => a - b)
}

export function range(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

export function spec(
  name: string,
  patterns: readonly string[] = [name],
  order: SubscriptionSpec['order'] = 'none',
): SubscriptionSpec {
  return { name, patterns, order }
}

export function retry(delayMs: number, error = ERROR): Settlement {
  return { kind: 'retry', delayMs, error }
}

export function dead(reason: Extract<Settlement, { kind: 'dead' }>['reason'] = 'final', error = ERROR): Settlement {
  return { kind: 'dead', reason, error }
}

export async function expectCode(call: Promise<unknown>, code: string): Promise<void> {
  await expect(call).rejects.toMatchObject({ name: 'PandaError', code })
}

/** Asks until it is so. Only for the store's counts, which tell nobody when they change. */
export async function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`it did not come to that: ${what}`)
    await delay(POLL_MS)
  }
}

/** Resolves when so many are dead letters. */
export async function deadCount(driver: EventDriver, name: string, count: number): Promise<void> {
  await eventually(`${count} dead letters of ${name}`, async () => (await driver.stats(name)).dead === count)
}

/** Resolves when nothing of it waits or is taken. */
export async function drained(driver: EventDriver, name: string): Promise<void> {
  await eventually(`${name} has nothing left`, async () => {
    const { waiting, taken } = await driver.stats(name)
    return waiting + taken === 0
  })
}
