import { isDeepStrictEqual } from 'node:util'
import type { JsonSchema } from './catalog.ts'
import type { Misfit } from './misfit.ts'

type Keywords = Exclude<JsonSchema, boolean>

/** The reader's number has to be at most the writer's. */
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties']
/** At least. */
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties']
/** Looked at elsewhere. */
const HANDLED = new Set([
  ...LOWER,
  ...UPPER,
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'prefixItems',
  'enum',
  'const',
])
/** What zod writes for every integer: the bounds of JavaScript's own. */
const NO_BOUND: Readonly<Record<string, number>> = {
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
}

/** Bounds of numbers, texts and lists; every other keyword of the reader has to be the writer's, too. */
export function constraintMisfits(reads: Keywords, writes: Keywords, path: string): Misfit[] {
  const found: Misfit[] = []
  const bound = (name: string, holds: (read: number, write: number) => boolean): void => {
    const [read, write] = [reads[name], writes[name]]
    if (typeof read !== 'number' || read === NO_BOUND[name]) return
    if (typeof write === 'number' ? holds(read, write) : false) return
    found.push({ kind: 'constraint', path, what: `${name} ${read}, ${written(write)}` })
  }
  for (const name of LOWER) bound(name, (read, write) => read <= write)
  for (const name of UPPER) bound(name, (read, write) => read >= write)
  for (const [name, value] of Object.entries(reads)) {
    if (HANDLED.has(name) || isDeepStrictEqual(value, writes[name])) continue
    if (name === 'uniqueItems' && value === false) continue
    const kind = ['pattern', 'format', 'multipleOf', 'uniqueItems'].includes(name) ? 'constraint' : 'unclear'
    found.push({ kind, path, what: `${name} ${JSON.stringify(value)}, ${written(writes[name])}` })
  }
  return found
}

function written(value: unknown): string {
  return value === undefined ? 'where there is none' : `where it is ${JSON.stringify(value)}`
}
