import type { EventEnvelope } from '../../events/envelope.ts'
import type { AnyMessage, Publish } from './amqp.ts'
import type { Outgoing } from './publisher.ts'

/** What travels with an event on its way through retries, isolation and dead letters, in headers of ours. */
export interface Travel {
  /** Calls of the handler that failed. */
  readonly failures: number
  readonly firstFailedAt: number | null
  /** JSON text of the last error. */
  readonly error: string | null
  /** Ms since 1970; 0 = at once. */
  readonly dueAt: number
  /** Deaths of consumers while they handled this event and no other suspect. */
  readonly crashes: number
  /** It was among those that a dead consumer held: one of them is the culprit. */
  readonly suspect: boolean
  /** Published a moment before its handler runs: who gets it again must assume a crash. */
  readonly started: boolean
  readonly deadReason: string | null
  readonly deadAt: number | null
}

export const untravelled: Travel = {
  failures: 0,
  firstFailedAt: null,
  error: null,
  dueAt: 0,
  crashes: 0,
  suspect: false,
  started: false,
  deadReason: null,
  deadAt: null,
}

const persistent = 2
const errorLimit = 16_384

/** CloudEvents in binary mode, with the header prefix of its AMQP binding. */
export function eventHeaders(event: EventEnvelope): Record<string, unknown> {
  const headers: Record<string, unknown> = {
    'cloudEvents:specversion': '1.0',
    'cloudEvents:id': event.id,
    'cloudEvents:source': event.source,
    'cloudEvents:type': event.type,
    'cloudEvents:time': event.time,
  }
  if (event.dataVersion !== null) headers['cloudEvents:dataversion'] = event.dataVersion
  if (event.key !== null) headers['cloudEvents:partitionkey'] = event.key
  if (event.traceparent !== null) headers['cloudEvents:traceparent'] = event.traceparent
  if (event.tracestate !== null) headers['cloudEvents:tracestate'] = event.tracestate
  return headers
}

export function outgoing(exchange: string, event: EventEnvelope): Outgoing {
  return {
    exchange,
    key: event.type,
    content: Buffer.from(event.data),
    properties: properties(event.id, eventHeaders(event)),
  }
}

/** The same message again, unread, with another fate. */
export function forwarded(exchange: string, key: string, message: AnyMessage, travel: Travel, data?: string): Outgoing {
  const headers = { ...originalHeaders(message), ...travelHeaders(travel) }
  return {
    exchange,
    key,
    content: data === undefined ? message.content : Buffer.from(data),
    properties: properties(idOf(message), headers, message.properties.contentType as string | undefined),
  }
}

function properties(
  messageId: string,
  headers: unknown,
  contentType = 'application/json',
): Publish & { messageId: string } {
  return { messageId, contentType, deliveryMode: persistent, mandatory: true, headers }
}

function originalHeaders(message: AnyMessage): Record<string, unknown> {
  const all = (message.properties.headers ?? {}) as Record<string, unknown>
  // What the broker writes (x-death, x-delivery-count) grows with every hop and speaks of queues of the past.
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => !name.startsWith('x-') && !name.startsWith('panda-')),
  )
}

function travelHeaders(travel: Travel): Record<string, unknown> {
  const headers: Record<string, unknown> = {}
  if (travel.failures > 0) headers['panda-failures'] = travel.failures
  if (travel.firstFailedAt !== null) headers['panda-first-failed'] = travel.firstFailedAt
  if (travel.error !== null) headers['panda-error'] = travel.error.slice(0, errorLimit)
  if (travel.dueAt > 0) headers['panda-due'] = travel.dueAt
  if (travel.crashes > 0) headers['panda-crashes'] = travel.crashes
  if (travel.suspect) headers['panda-suspect'] = true
  if (travel.started) headers['panda-started'] = true
  if (travel.deadReason !== null) headers['panda-dead-reason'] = travel.deadReason
  if (travel.deadAt !== null) headers['panda-dead-at'] = travel.deadAt
  return headers
}

export function travelOf(message: AnyMessage): Travel {
  const { headers } = message.properties
  if (headers === undefined) return untravelled
  return {
    failures: number(headers['panda-failures']) ?? 0,
    firstFailedAt: number(headers['panda-first-failed']),
    error: text(headers['panda-error']),
    dueAt: number(headers['panda-due']) ?? 0,
    crashes: number(headers['panda-crashes']) ?? 0,
    suspect: headers['panda-suspect'] === true,
    started: headers['panda-started'] === true,
    deadReason: text(headers['panda-dead-reason']),
    deadAt: number(headers['panda-dead-at']),
  }
}

/** Null when it is not an event of ours. `raw` is its payload as text. */
export function eventOf(message: AnyMessage, raw: string): EventEnvelope | null {
  const { headers } = message.properties
  if (headers === undefined || headers['cloudEvents:specversion'] !== '1.0') return null
  const id = text(headers['cloudEvents:id'])
  const source = text(headers['cloudEvents:source'])
  const type = text(headers['cloudEvents:type'])
  const time = text(headers['cloudEvents:time'])
  if (id === null || source === null || type === null || time === null) return null
  return {
    id,
    source,
    type,
    time,
    data: raw,
    dataVersion: number(headers['cloudEvents:dataversion']),
    key: text(headers['cloudEvents:partitionkey']),
    traceparent: text(headers['cloudEvents:traceparent']),
    tracestate: text(headers['cloudEvents:tracestate']),
  }
}

/** The event's id; of a foreign message its own one, or its first bytes. */
export function idOf(message: AnyMessage): string {
  const { headers } = message.properties
  const id = text(headers?.['cloudEvents:id']) ?? text(message.properties.messageId)
  return id ?? `raw-${message.content.subarray(0, 24).toString('hex')}-${message.content.length}`
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}
