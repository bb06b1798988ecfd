import { durationMs } from '../duration.ts'
import { PandaError } from '../errors.ts'
import type { LogPosition } from './driver.ts'

/** Where in the event log: a time (a Date, or RFC 3339), how long ago (`2h`), or an offset as the log's events have it. */
export type LogFrom = Date | string | { readonly offset: number }

/** @throws PandaError invalid_option */
export function logPosition(from: LogFrom, nowMs: number): LogPosition {
  if (typeof from === 'object' && 'offset' in from) {
    if (Number.isSafeInteger(from.offset) && from.offset >= 0) return { offset: from.offset }
    throw invalid(`offset ${from.offset}`)
  }
  if (typeof from === 'string' && /^\d{1,15}$/.test(from)) return { offset: Number(from) }
  if (typeof from === 'string' && /^[\d.]+(ms|s|m|h|d)$/.test(from)) return { time: nowMs - durationMs(from, 'from') }
  const time = from instanceof Date ? from.getTime() : rfc3339(from)
  if (Number.isNaN(time)) throw invalid(String(from))
  return { time }
}

function rfc3339(text: string): number {
  return /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/i.test(text) ? Date.parse(text) : Number.NaN
}

function invalid(what: string): PandaError {
  return new PandaError('invalid_option', `"${what}" is no place in the event log`, {
    hint: 'Use how long ago (2h), a time (2026-05-01T08:00:00Z), or an offset (1042, or { offset: 1042 }).',
  })
}
