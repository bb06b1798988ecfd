/** A failure as it is kept with the job. */
export interface StoredError {
  readonly name: string
  readonly message: string
  /** At most 8,000 characters. */
  readonly stack: string | null
  /** Ms since 1970, by the worker's clock. */
  readonly at: number
}

const MAX_MESSAGE = 4_000
const MAX_STACK = 8_000

/** Anything that can be thrown, as JSON text. Never throws. */
export function encodeError(thrown: unknown, at: number): string {
  const error = thrown instanceof Error ? thrown : null
  const stored: StoredError = {
    name: error?.name ?? 'Error',
    message: cut(error === null ? describe(thrown) : error.message, MAX_MESSAGE),
    stack: error?.stack === undefined ? null : cut(error.stack, MAX_STACK),
    at,
  }
  return JSON.stringify(stored)
}

export function decodeError(text: string | null): StoredError | null {
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && 'message' in value) return value as StoredError
  } catch {
    // Written by something else than this SDK: the text itself is the message.
  }
  return { name: 'Error', message: text, stack: null, at: 0 }
}

function describe(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  try {
    return JSON.stringify(thrown) ?? String(thrown)
  } catch {
    return Object.prototype.toString.call(thrown)
  }
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length} characters)`
}
