import { PandaError } from '../errors.ts'
import type { Clock } from '../queue/clock.ts'
import { FinalError } from '../queue/final-error.ts'
import { backoffMs } from '../queue/retry-policy.ts'
import { validate } from '../queue/standard-schema.ts'
import type { StandardSchema } from '../queue/standard-schema.ts'
import { MAX_CRASHES } from '../queue/states.ts'
import { encodeError } from '../queue/stored-error.ts'
import type { Delivery, EventDeadReason, Settlement } from './driver.ts'
import type { EventEnvelope } from './envelope.ts'
import { Attempt } from './event-context.ts'
import type { EventContext } from './event-context.ts'
import type { SubscribePlan } from './subscribe-options.ts'

/** Handles one event: the payload first, what is known of the event second. What it throws is its failure. */
export type EventHandler = (payload: never, event: EventContext) => unknown

export interface HandlerEntry {
  readonly pattern: string
  readonly handler: EventHandler
  readonly plan: SubscribePlan
}

export interface HandleRules {
  readonly clock: Clock
  readonly find: (type: string) => HandlerEntry | undefined
  readonly schemaOf: (type: string) => StandardSchema | undefined
  /** Called with each attempt, and with null when it is over. */
  readonly track: (delivery: Delivery, attempt: Attempt | null) => void
}

/** What becomes of a delivery. Never rejects: whatever goes wrong is a settlement. */
export async function handleDelivery(delivery: Delivery, rules: HandleRules): Promise<Settlement> {
  const { event } = delivery
  if (event === null) return dead('payload', new Error(`It cannot be decoded: ${delivery.raw.slice(0, 200)}`), rules)
  if (delivery.crashes >= MAX_CRASHES)
    return dead('crashes', new Error(`${delivery.crashes} processes died while they handled it`), rules)
  const entry = rules.find(event.type)
  // Another version of this application asked for the type: its copies will take it.
  if (entry === undefined) return { kind: 'retry', delayMs: 1000, error: noHandler(event, rules) }
  let payload: unknown
  try {
    payload = await readPayload(event, rules)
  } catch (error) {
    return dead('payload', error, rules)
  }
  return run(delivery, event, entry, payload, rules)
}

async function run(
  delivery: Delivery,
  event: EventEnvelope,
  { handler, plan }: HandlerEntry,
  payload: unknown,
  rules: HandleRules,
): Promise<Settlement> {
  const attempt = new Attempt(event, delivery.attempt)
  rules.track(delivery, attempt)
  try {
    // The payload's type is the subscriber's word; with a schema it has been checked.
    await within(plan.timeoutMs, attempt, rules.clock, async () => handler(payload as never, attempt))
    return { kind: 'done' }
  } catch (error) {
    if (error instanceof FinalError) return dead('final', error, rules)
    if (delivery.attempt >= plan.attempts) return dead('attempts', error, rules)
    const delayMs = backoffMs(plan.backoff, delivery.attempt, Math.random())
    return { kind: 'retry', delayMs, error: encodeError(error, rules.clock.wall()) }
  } finally {
    rules.track(delivery, null)
  }
}

async function readPayload(event: EventEnvelope, { schemaOf }: HandleRules): Promise<unknown> {
  const payload: unknown = JSON.parse(event.data)
  const schema = schemaOf(event.type)
  return schema === undefined ? payload : validate(schema, payload, `the payload of ${event.type} ${event.id}`)
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
