import type { StoreVariable } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { schemesOf, storeAddress } from './store-address.ts'

const urlOf = (name: StoreVariable, text: string) => storeAddress(name, text)?.url

describe('storeAddress', () => {
  it.each([
    ['DATABASE_URL', 'postgres://u:p@db/shop', 'db', 5432],
    ['REDIS_URL', 'rediss://:p@cache:7000/2', 'cache', 7000],
    ['RABBITMQ_URL', 'amqps://u:p@mq/v', 'mq', 5671],
    ['PANDA_EVENTS_URL', 'amqp://u:p@[::1]/v', '::1', 5672],
    ['PANDA_QUEUE_URL', 'valkey://cache', 'cache', 6379],
  ] as const)('finds host and port of %s=%s', (name, text, host, port) => {
    expect(storeAddress(name, text)).toMatchObject({ host, port })
  })

  it.each([
    ['DATABASE_URL', 'redis://cache'],
    ['REDIS_URL', 'postgres://db/shop'],
    ['PANDA_QUEUE_URL', 'amqp://mq'],
    ['REDIS_URL', 'http://169.254.169.254/latest'],
    ['DATABASE_URL', 'postgres:///shop?host=/var/run/postgresql'],
    ['REDIS_URL', 'cache:6379'],
    ['REDIS_URL', ''],
    ['PANDA_EVENTS_URL', 'memory:'],
  ] as const)('takes no %s=%s', (name, text) => {
    expect(storeAddress(name, text)).toBeNull()
  })

  it('drops options that read files of the server, or lead to another host than the one that is seen', () => {
    const text = 'postgres://u:p@db/shop?host=10.0.0.1&port=22&sslrootcert=/etc/shadow&options=-c%20x&sslmode=require'
    expect(urlOf('DATABASE_URL', text)).toBe('postgres://u:p@db/shop?sslmode=require')
    expect(urlOf('REDIS_URL', 'redis://cache/0?path=/var/run/redis.sock&host=x')).toBe('redis://cache/0')
    expect(urlOf('AMQP_URL', 'amqp://u:p@mq/v?cacertfile=/etc/shadow#x')).toBe('amqp://u:p@mq/v')
  })

  it('never lets the server log in as itself', () => {
    expect(urlOf('DATABASE_URL', 'postgres://db/shop')).toBe('postgres://postgres:none@db/shop')
    expect(urlOf('DATABASE_URL', 'postgres://anna@db/shop')).toBe('postgres://anna:none@db/shop')
    expect(urlOf('AMQP_URL', 'amqp://mq')).toBe('amqp://guest:guest@mq')
    expect(urlOf('REDIS_URL', 'redis://cache')).toBe('redis://cache')
  })

  it.each(['p%0D%0AFLUSHALL', 'p%00', '%', '%7F'])(
    'refuses a password with %s, which could speak for itself',
    (word) => {
      expect(storeAddress('REDIS_URL', `redis://:${word}@cache`)).toBeNull()
      expect(storeAddress('DATABASE_URL', `postgres://${word}:p@db/shop`)).toBeNull()
      expect(storeAddress('RABBITMQ_URL', `amqp://u:p@mq/${word}`)).toBeNull()
    },
  )
})

it('says what the URL of a variable begins with', () => {
  expect(schemesOf('RABBITMQ_URL')).toBe('amqp://, amqps://')
  expect(schemesOf('PANDA_QUEUE_URL')).toContain('postgres://, postgresql://, redis://')
})
