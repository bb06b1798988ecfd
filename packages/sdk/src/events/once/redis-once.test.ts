import { expect, test } from 'vitest'
import { callOnce } from '../call-once.ts'
import { systemClock } from '../../queue/clock.ts'
import { NotBegun, type Once } from './once.ts'
import { RedisOnce } from './redis-once.ts'

const key = { id: 'e', source: 'shop' }

function store() {
  const kept = new Map<string, string>()
  const sets: unknown[] = []
  return {
    kept,
    sets,
    get: async (name: string) => kept.get(name) ?? null,
    set: async (...words: readonly [string, string, 'PX', number]) => {
      sets.push(words)
      kept.set(words[0], words[1])
    },
  }
}

test('notes an event after its handler, under its subscription, id and source', async () => {
  const redis = store()
  const once = new RedisOnce({ subscription: 'mail', redis, keepMs: 500, prefix: 'p', onError: () => undefined })
  const outcomes = [
    await once.run(key, async () => expect(redis.sets).toEqual([])),
    await once.run(key, () => Promise.reject(new Error('it was handled before'))),
    await once.run({ ...key, source: 'other' }, async () => undefined),
  ]
  expect(outcomes).toEqual(['done', 'duplicate', 'done'])
  expect(redis.sets[0]).toEqual(['p:once:mail:e:shop', '1', 'PX', 500])
})

test('notes nothing of a handler that failed', async () => {
  const redis = store()
  const once = new RedisOnce({ subscription: 'mail', redis, keepMs: 500, prefix: 'p', onError: () => undefined })
  await expect(once.run(key, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
  expect(redis.sets).toEqual([])
})

test('a store that cannot be asked is waited for until the subscription closes', async () => {
  const closing = new AbortController()
  const told: Error[] = []
  const away: Once = {
    prepare: async () => undefined,
    run: () => Promise.reject(new NotBegun(new Error('away'))),
    clean: async () => 0,
  }
  const clock = {
    ...systemClock,
    after: (_: number, call: () => void) => {
      if (told.length === 3) closing.abort()
      setImmediate(call)
      return () => undefined
    },
  }
  const onError = (error: Error) => void told.push(error)
  const outcome = await callOnce(away, key, async () => undefined, { clock, closing: closing.signal, onError })
  expect(outcome).toBe('released')
  expect(told.map(({ message }) => message)).toContain('It could not be asked whether an event was handled: away')
})
