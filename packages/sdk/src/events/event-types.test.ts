import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { defineEvents } from './event-types.ts'
import type { EventTypes, Handled, Published } from './event-types.ts'
import type { Events } from './events.ts'
import type { EventMap, Matches, PatternOf, PayloadOf } from './matching-types.ts'
import { matches } from './pattern.ts'

const definitions = {
  'user.signed_up': z.object({ userId: z.string(), email: z.string() }),
  'user.deleted': z.object({ userId: z.string() }),
  'order.placed': {
    version: 3,
    schema: z.object({ id: z.coerce.date(), total: z.number(), currency: z.string().default('EUR') }),
    upgrade: {
      1: (old: { id: string; sum: number }) => ({ id: old.id, total: old.sum }),
      2: (old: object) => ({ ...old, currency: 'USD' }),
    },
  },
} as const
const types = defineEvents(definitions)
type Shop = typeof types extends EventTypes<infer P, infer H> ? { published: P; handled: H } : never

const read = (type: string, data: unknown, dataVersion: number | null) =>
  types.read({ id: 'e1', type, data: JSON.stringify(data), dataVersion })

describe('the compiler', () => {
  it('knows what is published and what handlers get', () => {
    expectTypeOf<Shop['published']>().toEqualTypeOf<Published<typeof definitions>>()
    expectTypeOf<Shop['handled']>().toEqualTypeOf<Handled<typeof definitions>>()
    expectTypeOf<Shop['published']['user.signed_up']>().toEqualTypeOf<{ userId: string; email: string }>()
    expectTypeOf<Shop['handled']['order.placed']>().toEqualTypeOf<{ id: Date; total: number; currency: string }>()
    expectTypeOf<Shop['published']['order.placed']['currency']>().toEqualTypeOf<string | undefined>()
  })

  it('refuses an unknown type, and a payload of another one', () => {
    type Typed = Events<Shop['published'], Shop['handled']>
    type Publish<T extends keyof Shop['published']> = Parameters<Typed['publish']>[1] & Shop['published'][T]
    expectTypeOf<Parameters<Typed['publish']>[0]>().toEqualTypeOf<keyof Shop['published']>()
    expectTypeOf<{ userId: number }>().not.toExtend<Publish<'user.deleted'>>()
    expectTypeOf<{ userId: string }>().toExtend<Shop['published']['user.deleted']>()
    expectTypeOf<'user.renamed'>().not.toExtend<PatternOf<Shop['handled']>>()
    expectTypeOf<'user.*'>().toExtend<PatternOf<Shop['handled']>>()
  })

  it('finds the payloads of a pattern', () => {
    expectTypeOf<PayloadOf<Shop['handled'], 'user.deleted'>>().toEqualTypeOf<{ userId: string }>()
    expectTypeOf<PayloadOf<Shop['handled'], 'user.*'>>().toEqualTypeOf<
      { userId: string; email: string } | { userId: string }
    >()
    expectTypeOf<PayloadOf<Shop['handled'], '*.placed'>>().toEqualTypeOf<Shop['handled']['order.placed']>()
    expectTypeOf<PayloadOf<Shop['handled'], 'stock.#'>>().toEqualTypeOf<never>()
    expectTypeOf<PayloadOf<EventMap, 'anything'>>().toEqualTypeOf<unknown>()
  })

  it('matches as the broker does', () => {
    expectTypeOf<Matches<'#', 'a.b.c'>>().toEqualTypeOf<true>()
    expectTypeOf<Matches<'a.#', 'a'>>().toEqualTypeOf<true>()
    expectTypeOf<Matches<'a.#.c', 'a.b.b.c'>>().toEqualTypeOf<true>()
    expectTypeOf<Matches<'a.#.c', 'a.b.b'>>().toEqualTypeOf<false>()
    expectTypeOf<Matches<'a.*', 'a'>>().toEqualTypeOf<false>()
    expectTypeOf<Matches<'a.*', 'a.b.c'>>().toEqualTypeOf<false>()
    expectTypeOf<Matches<'*.*', 'a.b'>>().toEqualTypeOf<true>()
    expect(['a.b.c', 'a', 'a.b.b.c'].map((type) => matches('a.#', type))).toEqual([true, true, true])
  })
})

describe('check', () => {
  it('answers the version that a payload is published as', async () => {
    expect(await types.check('user.deleted', { userId: '7' })).toBe(1)
    expect(await types.check('order.placed', { id: '2026-05-01', total: 1 })).toBe(3)
  })

  it.each([
    ['user.deleted', { userId: 7 }, 'invalid_payload', 'userId'],
    ['user.renamed', {}, 'unknown_type', 'user.renamed'],
  ])('refuses %s %j', async (type, data, code, word) => {
    await expect(types.check(type, data)).rejects.toMatchObject({ code, message: expect.stringContaining(word) })
  })
})

describe('read', () => {
  const now = { id: new Date('2026-05-01T00:00:00Z'), total: 5 }

  it('gives handlers what the schema makes of it', async () => {
    expect(await read('order.placed', { id: '2026-05-01', total: 5 }, 3)).toEqual({ ...now, currency: 'EUR' })
  })

  it('brings older versions up, one after the other', async () => {
    expect(await read('order.placed', { id: '2026-05-01', total: 5 }, 2)).toEqual({ ...now, currency: 'USD' })
    expect(await read('order.placed', { id: '2026-05-01', sum: 5 }, 1)).toEqual({ ...now, currency: 'USD' })
  })

  it('takes an event without a version for the first one', async () => {
    expect(await read('order.placed', { id: '2026-05-01', sum: 5 }, null)).toEqual({ ...now, currency: 'USD' })
    expect(await read('user.deleted', { userId: '7' }, null)).toEqual({ userId: '7' })
  })

  it.each([
    ['order.placed', {}, 4, 'unknown_version'],
    ['order.placed', {}, 0, 'unknown_version'],
    ['order.placed', { id: '2026-05-01' }, 1, 'invalid_payload'],
    ['user.renamed', {}, 1, 'unknown_type'],
  ])('refuses %s %j of version %d', async (type, data, version, code) => {
    await expect(read(type, data, version)).rejects.toMatchObject({ code })
  })

  it('passes on what an upgrade throws', async () => {
    const broken = defineEvents({
      a: {
        version: 2,
        schema: z.object({}),
        upgrade: {
          1: () => {
            throw new RangeError('no such currency')
          },
        },
      },
    })
    await expect(broken.read({ id: 'e', type: 'a', data: '{}', dataVersion: 1 })).rejects.toThrow('no such currency')
  })
})

describe('defineEvents', () => {
  const schema = z.object({})
  it.each([
    [{ 'a b': schema }],
    [{ a: { version: 0, schema } }],
    [{ a: { version: 1.5, schema } }],
    [{ a: { version: 2, schema, upgrade: { 2: (old: unknown) => old } } }],
    [{ a: { version: 4, schema, upgrade: { 1: (old: unknown) => old, 3: (old: unknown) => old } } }],
  ])('refuses %j', (wrong) => {
    expect(() => defineEvents(wrong)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })

  it('lists what it has for tools', () => {
    expect([...types.definitions].map(([type, { version, upgrade }]) => [type, version, Object.keys(upgrade)])).toEqual(
      [
        ['user.signed_up', 1, []],
        ['user.deleted', 1, []],
        ['order.placed', 3, ['1', '2']],
      ],
    )
  })
})
