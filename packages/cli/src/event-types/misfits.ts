import { isDeepStrictEqual } from 'node:util'
import { accepts } from './accepts.ts'
import type { JsonSchema } from './catalog.ts'
import { constraintMisfits } from './constraints.ts'
import { itemMisfits, propertyMisfits } from './members.ts'
import type { Misfit } from './misfit.ts'
import { alternatives, never, resolveRef, simplified, typesOf, type Rooted } from './schema-parts.ts'

/**
 * Why a reader with one schema may refuse what a writer with the other one may write; empty = it takes all of it. What cannot
 * be decided counts as a misfit. Properties that the writer does not declare are taken for absent.
 */
export function misfits(reader: Rooted, writer: Rooted, path = '', seen: ReadonlySet<string> = new Set()): Misfit[] {
  if (isDeepStrictEqual(reader.schema, writer.schema) && isDeepStrictEqual(reader.root, writer.root)) return []
  const pair = `${JSON.stringify(reader.schema)} ${JSON.stringify(writer.schema)}`
  // A schema that contains itself: the outer call decides.
  if (seen.has(pair)) return []
  const deeper = new Set([...seen, pair])
  const [reads, writes] = [simplified(resolveRef(reader)), simplified(resolveRef(writer))]
  if (reads.schema === true || writes.schema === false) return []
  if (reads.schema === false) return [{ kind: 'type', path, what: 'nothing fits' }]
  const readers = alternatives(reads)
  const written = readers.length > 1 ? alternatives(writes).flatMap(eachValue) : alternatives(writes)
  if (written.length > 1) return written.flatMap((each) => misfits(reads, each, path, deeper))
  if (readers.length > 1) return ofNone(readers, written[0] ?? never, path, deeper)
  return single(readers[0] ?? never, written[0] ?? never, path, deeper)
}

/** It has to fit one alternative. When there is one of its type, what is wrong with that one is told. */
function ofNone(readers: readonly Rooted[], written: Rooted, path: string, seen: ReadonlySet<string>): Misfit[] {
  const results = readers.map((each) => misfits(each, written, path, seen))
  if (results.some((result) => result.length === 0)) return []
  const near = results.filter((result) => !result.some((misfit) => misfit.path === path && misfit.kind === 'type'))
  const [nearest] = near.length === 1 ? near : []
  return nearest ?? [{ kind: 'type', path, what: `${nameOf(written)} fits no alternative` }]
}

function single(reader: Rooted, writer: Rooted, path: string, seen: ReadonlySet<string>): Misfit[] {
  const [reads, writes] = [reader.schema, writer.schema]
  if (typeof reads === 'boolean' || typeof writes === 'boolean')
    return reads === true ? [] : [{ kind: 'type', path, what: `anything, where ${nameOf(reader)} is wanted` }]
  const values = valuesOf(writes)
  if (values !== null) {
    const refused = values.filter((value) => !accepts(reads, value))
    return refused.map((value) => ({ kind: 'value', path, what: JSON.stringify(value) }))
  }
  const wanted = valuesOf(reads)
  if (wanted !== null)
    return [{ kind: 'value', path, what: `${nameOf(writer)}, where one of ${JSON.stringify(wanted)} is wanted` }]
  const [read, write] = [typesOf(reads), typesOf(writes)]
  if (read !== null && (write === null || !write.every((type) => fitsType(read, type))))
    return [{ kind: 'type', path, what: `${nameOf(writer)}, where ${nameOf(reader)} is wanted` }]
  const inner = (a: JsonSchema, b: JsonSchema, at: string) =>
    misfits({ schema: a, root: reader.root }, { schema: b, root: writer.root }, at, seen)
  return [
    ...propertyMisfits(reads, writes, path, inner),
    ...itemMisfits(reads, writes, path, inner),
    ...constraintMisfits(reads, writes, path),
  ]
}

/** One schema for each value of an enumeration: each may fit another alternative. */
function eachValue(rooted: Rooted): readonly Rooted[] {
  const { schema, root } = rooted
  if (typeof schema === 'boolean' || !Array.isArray(schema['enum'])) return [rooted]
  return schema['enum'].map((value) => ({ schema: { ...schema, enum: [value] }, root }))
}

function fitsType(read: readonly string[], type: string): boolean {
  return read.includes(type) || (type === 'integer' && read.includes('number'))
}

function valuesOf(schema: Exclude<JsonSchema, boolean>): readonly unknown[] | null {
  if ('const' in schema) return [schema['const']]
  return Array.isArray(schema['enum']) ? schema['enum'] : null
}

function nameOf({ schema }: Rooted): string {
  if (typeof schema === 'boolean') return schema ? 'anything' : 'nothing'
  const values = valuesOf(schema)
  if (values !== null) return values.map((value) => JSON.stringify(value)).join(' or ')
  return typesOf(schema)?.join(' or ') ?? 'anything'
}
