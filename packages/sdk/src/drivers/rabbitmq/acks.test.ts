import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Acks } from './acks.ts'
import type { Channel } from './amqp.ts'

/** The broker's side: knows each tag once, and closes the channel for one it does not know. */
function broker(count: number) {
  const open = new Set(Array.from({ length: count }, (_, n) => n + 1))
  let frames = 0
  const ack = ({ fields }: { fields: { deliveryTag: number } }, upTo?: boolean) => {
    frames += 1
    if (!open.has(fields.deliveryTag)) throw new Error(`unknown delivery tag ${fields.deliveryTag}`)
    for (const tag of open)
      if (tag === fields.deliveryTag || (upTo === true && tag < fields.deliveryTag)) open.delete(tag)
  }
  return { open, frames: () => frames, channel: { ack } as unknown as Channel }
}

test('a row in order is one frame', () => {
  const { open, frames, channel } = broker(5)
  const acks = new Acks(channel)
  for (const tag of [2, 1, 3]) acks.add(tag)
  acks.flush()
  expect([...open]).toEqual([4, 5])
  expect(frames()).toBe(1)
})

test('in any order and any groups: exactly what was settled is acknowledged, each tag once', () => {
  const order = fc.shuffledSubarray(Array.from({ length: 30 }, (_, n) => n + 1))
  fc.assert(
    fc.property(order, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), (tags, flushes) => {
      const { open, channel } = broker(30)
      const acks = new Acks(channel)
      tags.forEach((tag, index) => {
        acks.add(tag)
        if (flushes[index] ?? false) acks.flush()
      })
      acks.flush()
      expect(acks.open).toBe(true)
      expect([...open].sort((a, b) => a - b)).toEqual(
        Array.from({ length: 30 }, (_, n) => n + 1).filter((tag) => !tags.includes(tag)),
      )
    }),
  )
})

test('after the end of its channel nothing is sent', () => {
  const { frames, channel } = broker(1)
  const acks = new Acks(channel)
  acks.add(1)
  acks.end()
  acks.flush()
  expect(frames()).toBe(0)
})
