import { PandaError } from '../errors.ts'

/** Bytes of JSON that a payload or result may have by default (256 KiB). */
export const DEFAULT_PAYLOAD_LIMIT = 262_144
/** Deeper than this is taken for a cycle. */
const MAX_DEPTH = 200

/**
 * JSON text of plain data. Stricter than `JSON.stringify`, which drops or changes what it cannot say: here that is an error.
 * Properties that are `undefined` are left out; objects with `toJSON` (Date, URL) are stored as they say. NaN, Infinity and
 * an invalid Date, which it makes `null` of, are errors too, and so is `undefined` in a list.
 * @param what names the value in messages, e.g. `the data of a job of "uploads"`
 * @throws PandaError not_json, payload_too_large
 */
export function encodeJson(value: unknown, what: string, limit: number): string {
  const fault = faultOf(value, 0)
  if (fault !== null) throw new PandaError('not_json', `${what} cannot be stored as JSON: ${describe(fault)}`)
  const text = JSON.stringify(value)
  if (text.length * 3 > limit) {
    const bytes = Buffer.byteLength(text)
    if (bytes > limit) {
      throw new PandaError('payload_too_large', `${what} has ${bytes} bytes of JSON; at most ${limit} are allowed`)
    }
  }
  return text
}

interface Fault {
  /** From the inside out. */
  readonly path: string[]
  readonly problem: string
}

/** Null when nothing is wrong. The path is only put together when there is something to say: this runs for every job. */
function faultOf(value: unknown, depth: number): Fault | null {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return null
    case 'number':
      return Number.isFinite(value) ? null : { path: [], problem: `is ${value}` }
    case 'object':
      return value === null ? null : faultOfObject(value, depth)
    case 'undefined':
      return { path: [], problem: 'is undefined' }
    default:
      return { path: [], problem: `is a ${typeof value}` }
  }
}

function faultOfObject(value: object, depth: number): Fault | null {
  if (depth > MAX_DEPTH) return { path: [], problem: 'is nested too deeply (a cycle?)' }
  if (value instanceof Date && Number.isNaN(value.getTime())) return { path: [], problem: 'is an invalid Date' }
  if ('toJSON' in value && typeof value.toJSON === 'function') return faultOf(value.toJSON(), depth + 1)
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value)) {
    return { path: [], problem: `is a ${value.constructor.name}` }
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const fault = faultOf(value[i], depth + 1)
      if (fault !== null) return within(fault, `[${i}]`)
    }
    return null
  }
  const record = value as Record<string, unknown>
  for (const key of Object.keys(record)) {
    const member = record[key]
    const fault = member === undefined ? null : faultOf(member, depth + 1)
    if (fault !== null) return within(fault, `.${key}`)
  }
  return null
}

function within(fault: Fault, step: string): Fault {
  fault.path.push(step)
  return fault
}

function describe({ path, problem }: Fault): string {
  const place = path.slice(-5).toReversed().join('').replace(/^\./, '')
  return `${place === '' ? 'it' : place} ${problem}`
}
