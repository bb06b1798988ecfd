import { PandaError } from '../errors.ts'
import type { Clock } from '../queue/clock.ts'
import { FinalError } from '../queue/final-error.ts'
import { backoffMs } from '../queue/retry-policy.ts'
import type { Tracing } from '../queue/tracing.ts'
import { MAX_CRASHES } from '../queue/states.ts'
import { encodeError } from '../queue/stored-error.ts'
import { callOnce, untilItEnds } from './call-once.ts'
import type { OnceRules } from './call-once.ts'
import type { Delivery, EventDeadReason, Settlement } from './driver.ts'
import type { EventEnvelope } from './envelope.ts'
import { Attempt } from './event-context.ts'
import type { EventContext } from './event-context.ts'
import type { Once } from './once/once.ts'
import type { SubscribePlan } from './subscribe-options.ts'

/** Handles one event: the payload first, what is known of the event second. What it throws is its failure. */
export type EventHandler = (payload: never, event: EventContext) => unknown

export interface HandlerEntry {
  readonly pattern: string
  readonly handler: EventHandler
  readonly plan: SubscribePlan
  /** What has been handled, for `exactlyOnce`. */
  readonly once: Once | null
}

/** Checks a payload, and brings it to the version that handlers know: `EventTypes`. */
export interface PayloadReader {
  read(event: EventEnvelope): Promise<unknown>
}

export interface HandleRules extends OnceRules {
  readonly subscription: string
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null
  readonly find: (type: string) => HandlerEntry | undefined
  /** Null: payloads are not checked. */
  readonly types: PayloadReader | null
  /** Called with each attempt, and with null when it is over. */
  readonly track: (delivery: Delivery, attempt: Attempt | null) => void
  /** Called when an event had been handled before. */
  readonly onDuplicate: () => void
}

/** What becomes of a delivery. Never rejects: whatever goes wrong is a settlement. */
export async function handleDelivery(delivery: Delivery, rules: HandleRules): Promise<Settlement> {
  const { event } = delivery
  if (event === null) return dead('payload', new Error(`It cannot be decoded: ${delivery.raw.slice(0, 200)}`), rules)
  const entry = rules.find(event.type)
  if (delivery.crashes >= MAX_CRASHES) return afterCrashes(delivery.crashes, event, entry?.once ?? null, rules)
  // Another version of this application asked for the type: its copies will take it.
  if (entry === undefined) return { kind: 'retry', delayMs: 1000, error: noHandler(event, rules) }
  let payload: unknown
  try {
    payload = rules.types === null ? JSON.parse(event.data) : await rules.types.read(event)
  } catch (error) {
    return dead('payload', error, rules)
  }
  return run(delivery, event, entry, payload, rules)
}

/** It may have been handled before the process died. */
async function afterCrashes(
  crashes: number,
  event: EventEnvelope,
  once: Once | null,
  rules: HandleRules,
): Promise<Settlement> {
  const died = new Error(`${crashes} processes died while they handled it`)
  if (once === null) return dead('crashes', died, rules)
  try {
    return outcomeOf(await callOnce(once, event, () => Promise.reject(died), rules), rules)
  } catch (error) {
    return dead('crashes', error, rules)
  }
}

async function run(
  delivery: Delivery,
  event: EventEnvelope,
  entry: HandlerEntry,
  payload: unknown,
  rules: HandleRules,
): Promise<Settlement> {
  const { plan } = entry
  const attempt = new Attempt(event, delivery.attempt)
  rules.track(delivery, attempt)
  try {
    return outcomeOf(await call(event, entry, payload, attempt, rules), rules)
  } catch (error) {
    if (error instanceof FinalError) return dead('final', error, rules)
    if (delivery.attempt >= plan.attempts) return dead('attempts', error, rules)
    const delayMs = backoffMs(plan.backoff, delivery.attempt, Math.random())
    return { kind: 'retry', delayMs, error: encodeError(error, rules.clock.wall()) }
  } finally {
    rules.track(delivery, null)
  }
}

async function call(
  event: EventEnvelope,
  { handler, plan, once }: HandlerEntry,
  payload: unknown,
  attempt: Attempt,
  rules: HandleRules,
): Promise<'done' | 'duplicate' | 'released'> {
  // The payload's type is the subscriber's word; with a schema it has been checked.
  const work = () => inSpan(event, attempt, rules, async () => handler(payload as never, attempt))
  if (once === null) {
    await within(plan.timeoutMs, attempt, rules.clock, work)
    return 'done'
  }
  return callOnce(
    once,
    event,
    async (tx) => {
      attempt.tx = tx
      await untilItEnds(plan.timeoutMs, attempt, rules.clock, work)
    },
    rules,
  )
}

function outcomeOf(outcome: 'done' | 'duplicate' | 'released', { onDuplicate }: HandleRules): Settlement {
  if (outcome === 'released') return { kind: 'released' }
  if (outcome === 'duplicate') onDuplicate()
  return { kind: 'done' }
}

/** A child of the span that published the event, at each attempt and after each redrive. */
function inSpan(
  { id, type, traceparent, tracestate }: EventEnvelope,
  { attempt }: Attempt,
  { tracing, subscription }: HandleRules,
  work: () => Promise<unknown>,
): Promise<unknown> {
  if (tracing === null || !tracing.active()) return work()
  const carrier = traceparent === null ? undefined : { traceparent, ...(tracestate !== null && { tracestate }) }
  const attributes = { 'messaging.consumer.group.name': subscription, 'panda.event.attempt': attempt }
  return tracing.processing({ destination: type, id, carrier, attributes }, work)
}

/** A handler that does not listen to its signal goes on in the background; its late end is ignored. */
function within(ms: number | null, attempt: Attempt, clock: Clock, work: () => Promise<unknown>): Promise<unknown> {
  if (ms === null) return work()
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(attempt.timeOut(ms)))
    work().finally(cancel).then(resolve, reject)
  })
}

function dead(reason: EventDeadReason, error: unknown, { clock }: HandleRules): Settlement {
  return { kind: 'dead', reason, error: encodeError(error, clock.wall()) }
}

function noHandler(event: EventEnvelope, { clock }: HandleRules): string {
  return encodeError(new PandaError('no_subscription', `No handler of this process takes ${event.type}`), clock.wall())
}
