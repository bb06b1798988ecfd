import { expect, test } from 'vitest'
import {
  decodePeek,
  decodeRegistry,
  emptyRegistry,
  encodePeek,
  encodeRegistry,
  registered,
  withSubscription,
} from './registry-state.ts'

const entry = {
  patterns: ['a'],
  order: 'none',
  paused: false,
  generation: 1,
  arguments: {},
  leaving: null,
} as const

test('a registry comes back as it was written, whatever its subscriptions are called', () => {
  const names = ['constructor', '__proto__', 'a']
  const state = names.reduce((before, name) => withSubscription(before, name, entry), emptyRegistry)
  const read = decodeRegistry(encodeRegistry(state)) ?? emptyRegistry
  for (const name of names) expect(registered(read, name)).toEqual(entry)
  const without = withSubscription(read, '__proto__', null)
  expect(Object.keys(without.subscriptions)).toEqual(['constructor', 'a'])
})

test('what is not there is not found among the properties of every object', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'a'])
    expect(registered(emptyRegistry, name)).toBeUndefined()
})

test('what is none of ours is neither a registry nor a look at an event', () => {
  const peek = { subscription: 'a', id: '1' }
  expect(decodePeek(encodePeek(peek))).toEqual(peek)
  expect(decodeRegistry(encodePeek(peek))).toBeNull()
  expect(decodePeek(encodeRegistry(emptyRegistry))).toBeNull()
  for (const text of ['', 'null', '{}', '{broken']) {
    expect(decodeRegistry(Buffer.from(text))).toBeNull()
    expect(decodePeek(Buffer.from(text))).toBeNull()
  }
})
