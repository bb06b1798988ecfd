import type { JsonSchema } from './catalog.ts'

/** A schema, and the document that its references point into. */
export interface Rooted {
  readonly schema: JsonSchema
  readonly root: JsonSchema
}
type Keywords = Exclude<JsonSchema, boolean>

/** Say nothing about values. */
const ANNOTATIONS = new Set([
  '$schema',
  '$id',
  '$defs',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'example',
  'deprecated',
  'readOnly',
  'writeOnly',
  'id',
])
const SPLITTING = new Set(['anyOf', 'oneOf'])

export const never: Rooted = { schema: false, root: false }

/** What a chain of references ends at. Only references into the same document; another one is left as it is. */
export function resolveRef(rooted: Rooted): Rooted {
  let { schema } = rooted
  for (let hops = 0; typeof schema === 'object' && typeof schema['$ref'] === 'string' && hops < 50; hops += 1) {
    const target = lookUp(rooted.root, schema['$ref'])
    if (target === undefined) break
    schema = target
  }
  return { schema, root: rooted.root }
}

function lookUp(root: JsonSchema, ref: string): JsonSchema | undefined {
  if (!ref.startsWith('#')) return undefined
  let at: unknown = root
  for (const part of ref.split('/').slice(1)) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as Record<string, unknown>)[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')]
  }
  return isSchema(at) ? at : undefined
}

/** Without annotations, `allOf` put into one, `{}` as true. */
export function simplified({ schema, root }: Rooted): Rooted {
  if (typeof schema === 'boolean') return { schema, root }
  const entries = Object.entries(schema).filter(([name]) => !ANNOTATIONS.has(name))
  const { allOf, ...rest } = Object.fromEntries(entries)
  const merged = Array.isArray(allOf) ? allOf.reduce((all: Keywords, part) => merge(all, part, root), rest) : rest
  return { schema: Object.keys(merged).length === 0 ? true : merged, root }
}

/** Objects join their properties; where both say something else of the same, both are kept for the eye and never equal. */
function merge(all: Keywords, part: unknown, root: JsonSchema): Keywords {
  if (!isSchema(part)) return all
  const { schema } = simplified(resolveRef({ schema: part, root }))
  if (schema === true) return all
  if (schema === false) return { ...all, not: {} }
  const result: Record<string, unknown> = { ...all }
  for (const [name, value] of Object.entries(schema)) {
    const before = result[name]
    if (before === undefined || JSON.stringify(before) === JSON.stringify(value)) result[name] = value
    else if (name === 'properties') result[name] = { ...(before as object), ...(value as object) }
    else if (name === 'required') result[name] = [...new Set([...(before as string[]), ...(value as string[])])]
    else result[`allOf ${name}`] = [before, value]
  }
  return result
}

/** One schema for each thing that a value may be: `anyOf`, `oneOf`, and each of several types. */
export function alternatives({ schema, root }: Rooted): readonly Rooted[] {
  if (typeof schema === 'boolean') return [{ schema, root }]
  const union = [...SPLITTING].map((name) => schema[name]).find(Array.isArray) as unknown[] | undefined
  if (union !== undefined) {
    const rest = Object.fromEntries(Object.entries(schema).filter(([name]) => !SPLITTING.has(name)))
    return union.filter(isSchema).flatMap((each) => {
      const one = Object.keys(rest).length === 0 ? each : { allOf: [rest, each] }
      return alternatives(simplified(resolveRef({ schema: one, root })))
    })
  }
  const types = typesOf(schema)
  if (types === null || types.length === 1) return [{ schema, root }]
  return types.map((type) => ({ schema: { ...schema, type }, root }))
}

export function typesOf(schema: Keywords): readonly string[] | null {
  const { type } = schema
  if (typeof type === 'string') return [type]
  return Array.isArray(type) ? (type as string[]) : null
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value))
}
