import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Catalog, LockedType } from './catalog.ts'
import { compareCatalogs, type Compatibility } from './compare-catalogs.ts'
import { jsonSchemaOf } from './json-schema-of.ts'

const locked = (schema: unknown, version = 1, upgradesFrom: number[] = []): LockedType => ({
  version,
  upgradesFrom,
  schema: jsonSchemaOf('t', schema),
})
const user = z.object({ id: z.string(), email: z.string().optional() })

function rules(before: unknown, after: unknown, mode: Compatibility = 'full'): string[] {
  const { problems, compatible } = compareCatalogs({ t: locked(before) }, { t: locked(after) }, mode)
  expect(compatible).toBe(problems.length === 0)
  return problems.map(({ rule, path }) => `${rule} ${path}`.trimEnd())
}

interface Node {
  readonly next?: Node | undefined
}
const list = (element: z.ZodType) => {
  const node: z.ZodType<Node> = z.object({
    value: element,
    get next() {
      return node.optional()
    },
  })
  return node
}

describe('what is compatible', () => {
  it.each([
    ['the same', user, user],
    ['a new optional field', user, user.extend({ age: z.number().optional() })],
    ['a field with a default', user, user.extend({ plan: z.string().default('free') })],
    ['an optional field that is gone', user, user.omit({ email: true })],
    ['another order', user, z.object({ email: z.string().optional(), id: z.string() })],
    ['another description', user, user.extend({ id: z.string().describe('of the user') })],
    ['a union in another order', z.union([z.string(), z.number()]), z.union([z.number(), z.string()])],
    ['an enumeration in another order', z.enum(['a', 'b']), z.enum(['b', 'a'])],
    ['a list that contains itself', list(z.string()), list(z.string())],
    ['an enumeration as a union of literals', z.enum(['a', 'b']), z.union([z.literal('a'), z.literal('b')])],
  ])('%s', (_, before, after) => expect(rules(before, after)).toEqual([]))
})

describe('what is not', () => {
  const o = (shape: z.ZodRawShape) => z.object(shape)
  it.each([
    ['a required field that is gone', user, user.omit({ id: true }), ['required_removed id']],
    ['a required field that is optional now', user, user.partial(), ['required_removed id']],
    ['a new required field', user, user.extend({ age: z.number() }), ['required_added age']],
    ['an optional field that is required now', user, user.required(), ['required_added email']],
    ['another type', o({ n: z.string() }), o({ n: z.number() }), ['type_changed n']],
    ['a narrower type', o({ n: z.number() }), o({ n: z.int() }), ['type_narrowed n']],
    ['a wider type', o({ n: z.string() }), o({ n: z.union([z.string(), z.number()]) }), ['type_widened n']],
    ['null that is taken now', o({ n: z.string() }), o({ n: z.string().nullable() }), ['type_widened n']],
    ['null that is taken no more', o({ n: z.string().nullable() }), o({ n: z.string() }), ['type_narrowed n']],
    ['a value that is gone', z.enum(['a', 'b']), z.enum(['a']), ['value_removed']],
    ['a new value', z.enum(['a']), z.enum(['a', 'b']), ['value_added']],
    ['a text that has to be one of some', z.string(), z.enum(['a']), ['value_removed']],
    ['a tighter bound', o({ s: z.string().max(9) }), o({ s: z.string().max(5) }), ['constraint_tightened s']],
    ['a bound that is gone', o({ n: z.number().min(1) }), o({ n: z.number() }), ['constraint_loosened n']],
    ['another pattern', z.string().regex(/a/), z.string().regex(/b/), ['constraint_changed']],
    [
      'a field that a strict reader refuses',
      z.strictObject({}),
      z.strictObject({ a: z.string().optional() }),
      ['property_added a'],
    ],
    ['elements of another type', o({ l: z.array(z.string()) }), o({ l: z.array(z.number()) }), ['type_changed l[]']],
    ['values of a record', z.record(z.string(), z.string()), z.record(z.string(), z.number()), ['type_changed *']],
    [
      'within a list that contains itself',
      list(z.string()),
      list(z.number()),
      ['type_changed value', 'type_changed next.value'],
    ],
    [
      'within one alternative',
      z.union([z.null(), o({ a: z.string() })]),
      z.union([z.null(), o({ a: z.int() })]),
      ['type_changed a'],
    ],
    [
      'deep inside',
      o({ a: o({ b: z.array(o({ c: z.string() })) }) }),
      o({ a: o({ b: z.array(o({})) }) }),
      ['required_removed a.b[].c'],
    ],
    ['an intersection', z.intersection(user, o({ a: z.string() })), user, ['required_removed a']],
  ])('%s', (_, before, after, expected) => expect(rules(before, after)).toEqual(expected))

  it('looks one way only when told', () => {
    const wider = z.union([z.string(), z.number()])
    expect(rules(z.string(), wider, 'backward')).toEqual([])
    expect(rules(z.string(), wider, 'forward')).toEqual(['type_widened'])
    expect(rules(wider, z.string(), 'forward')).toEqual([])
  })

  it('counts what it cannot decide', () => {
    const schema = (not: string) => ({ version: 1, upgradesFrom: [], schema: { type: 'string', not: { const: not } } })
    const { problems } = compareCatalogs({ t: schema('a') }, { t: schema('b') }, 'full')
    expect(problems.map(({ rule }) => rule)).toEqual(['cannot_compare'])
  })
})

describe('types and versions', () => {
  const compare = (before: Catalog, after: Catalog) =>
    compareCatalogs(before, after, 'full').problems.map(({ type, rule }) => `${type} ${rule}`)

  it('may be added, not removed', () => {
    expect(compare({}, { a: locked(user) })).toEqual([])
    expect(compare({ a: locked(user) }, {})).toEqual(['a type_removed'])
  })

  it('may change in any way with a new version and an upgrade', () => {
    const before = { a: locked(user, 1) }
    expect(compare(before, { a: locked(z.number(), 2, [1]) })).toEqual([])
    expect(compare(before, { a: locked(z.number(), 2) })).toEqual(['a upgrade_missing'])
    expect(compare(before, { a: locked(z.number(), 3, [2]) })).toEqual(['a upgrade_missing'])
  })

  it('keep their upgrades, and never go back', () => {
    expect(compare({ a: locked(user, 3, [1, 2]) }, { a: locked(user, 3, [2]) })).toEqual(['a upgrade_removed'])
    expect(compare({ a: locked(user, 2, [1]) }, { a: locked(user, 1) })).toEqual(['a version_lowered'])
  })
})

describe('against zod itself', () => {
  const leaf = fc.constantFrom<z.ZodType>(
    z.string(),
    z.number(),
    z.int(),
    z.boolean(),
    z.null(),
    z.enum(['a', 'b']),
    z.literal('a'),
    z.number().min(2),
    z.string().max(1),
    z.array(z.string()),
    z.union([z.string(), z.null()]),
  )
  const shape = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.tuple(leaf, fc.boolean()), { noNullPrototype: true })
  const schema = shape.map((fields) =>
    z.object(Object.fromEntries(Object.entries(fields).map(([k, [type, opt]]) => [k, opt ? type.optional() : type]))),
  )
  const leafValue = fc.constantFrom('a', 'b', 'long', 1, 2, 2.5, true, null, ['a'], [1])
  const value = fc.dictionary(fc.constantFrom('x', 'y', 'z'), leafValue, { noNullPrototype: true })

  it('what it calls compatible is read by the other side', () => {
    fc.assert(
      fc.property(schema, schema, fc.array(value, { minLength: 20, maxLength: 20 }), (before, after, values) => {
        if (rules(before, after, 'backward').length > 0) return
        for (const each of values) {
          // What a writer does not declare, it does not write.
          const known = Object.fromEntries(Object.entries(each).filter(([key]) => key in before.shape))
          if (before.safeParse(known).success) expect(after.safeParse(known).success).toBe(true)
        }
      }),
      { numRuns: 3000 },
    )
  })
})

it('says which library gives no JSON Schema', () => {
  const schema = { '~standard': { version: 1, vendor: 'homemade', validate: () => ({ value: 1 }) } }
  expect(() => jsonSchemaOf('user.x', schema)).toThrow(/schema of user\.x .* library homemade gives no JSON Schema/)
})
