import { expect, it } from 'vitest'
import { findBrokerUrl } from './broker-url.ts'

const all = { PANDA_EVENTS_URL: 'amqp://a', RABBITMQ_URL: 'amqp://b', AMQP_URL: 'amqp://c' }

it.each([
  ['amqp://given', all, 'amqp://given'],
  [undefined, all, 'amqp://a'],
  [undefined, { ...all, PANDA_EVENTS_URL: '' }, 'amqp://b'],
  [undefined, { AMQP_URL: 'amqps://c' }, 'amqps://c'],
])('%s of %j is %s', (given, env, url) => {
  expect(findBrokerUrl(given, env)).toEqual({ kind: 'rabbitmq', url })
})

it.each([
  ['rabbitmq', { AMQP_URL: 'amqp://c', DATABASE_URL: 'postgres://d', REDIS_URL: 'redis://r' }],
  ['postgres', { DATABASE_URL: 'postgres://d', REDIS_URL: 'redis://r' }],
  ['postgres', { PANDA_EVENTS_URL: 'postgresql://d', RABBITMQ_URL: 'amqp://b' }],
  ['redis', { REDIS_URL: 'redis://r' }],
  ['redis', { PANDA_EVENTS_URL: 'valkeys://r', DATABASE_URL: 'postgres://d' }],
  ['memory', { PANDA_EVENTS_URL: 'memory:' }],
])('events are on %s with %j', (kind, env) => {
  expect(findBrokerUrl(undefined, env).kind).toBe(kind)
})

it.each([
  [undefined, 'no_store'],
  ['not a url', 'invalid_url'],
  ['kafka://user:a-password@x', 'invalid_url'],
])('%s is refused as %s, without its password', (given, code) => {
  expect(() => findBrokerUrl(given, {})).toThrow(
    expect.objectContaining({ code, message: expect.not.stringContaining('a-password') }),
  )
})
