import { describe, expect, it } from 'vitest'
import type { EventEnvelope } from '../../events/envelope.ts'
import { Queue } from '../../queue/queue.ts'
import { isReservedQueue } from '../../queue/reserved-names.ts'
import { ulid } from '../../queue/ulid.ts'
import { decodeEvent, deliveryIdOf, encodeEvent, groupOf, queueOf, timeDigits } from './delivery-queue.ts'

const event: EventEnvelope = {
  id: ulid(),
  source: 'shop',
  type: 'user.signed_up',
  time: '2026-11-24T10:00:00.000Z',
  data: '{"text":"\\u0000 ü 𝄞"}',
  dataVersion: null,
  key: null,
  traceparent: null,
  tracestate: null,
}

describe('the queue of a subscription', () => {
  it('has a name that no queue of a user can have', () => {
    expect(isReservedQueue(queueOf('mail'))).toBe(true)
    expect(() => new Queue(queueOf('mail'), { url: 'memory:' })).toThrow(
      expect.objectContaining({ code: 'invalid_option' }),
    )
    expect(isReservedQueue('events')).toBe(false)
    expect(isReservedQueue('events.mail')).toBe(false)
  })
})

describe('the id of a delivery', () => {
  it('is the same for the same event and subscription, another one for any other, and sorts by time', () => {
    const id = deliveryIdOf(event.id, 'mail')
    expect(id).toMatch(/^[0-9a-z]{26}$/)
    expect(deliveryIdOf(event.id, 'mail')).toBe(id)
    expect(deliveryIdOf(event.id, 'crm')).not.toBe(id)
    expect(deliveryIdOf(ulid(), 'mail')).not.toBe(id)
    const [early, late] = ['01arz3ndektsv4rrffq69g5fav', '01brz3ndektsv4rrffq69g5fav']
    expect(deliveryIdOf(early, 'b') < deliveryIdOf(late, 'a')).toBe(true)
  })

  it('can be made for ids that are no ULIDs', () => {
    expect(timeDigits('order-7')).toMatch(/^[0-9a-f]{12}$/)
    expect(deliveryIdOf('order-7', 'mail')).toMatch(/^[0-9a-z]{26}$/)
  })
})

describe('the body of a delivery', () => {
  it('is the event, and comes back as it was', () => {
    expect(decodeEvent(encodeEvent(event))).toEqual(event)
  })

  it.each(['', '{broken', 'null', '7', '[]', '{"id":1,"type":"a","data":"{}"}', '{"id":"x","type":"a"}'])(
    'that says %s is no event',
    (body) => {
      expect(decodeEvent(body)).toBeNull()
    },
  )
})

describe('the group of a delivery', () => {
  it('is one for each key and one for all without, told apart, and none where no order is asked for', () => {
    expect(groupOf('none', 'x')).toBeNull()
    expect(groupOf('strict', 'x')).toBe('=x')
    expect(groupOf('strict', '-')).toBe('=-')
    expect(groupOf('strict', '')).toBe('=')
    expect(groupOf('strict', null)).toBe('-')
  })
})
