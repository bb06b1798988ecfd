import { expect, test } from 'vitest'
import { settleOutbox } from './options.ts'

test('the database is the given one, else DATABASE_URL', () => {
  const env = { DATABASE_URL: 'postgres://env/db' }
  expect(settleOutbox({}, env)).toMatchObject({ url: 'postgres://env/db', schema: 'panda_queue' })
  expect(settleOutbox({ databaseUrl: 'postgres://given/db' }, env).url).toBe('postgres://given/db')
  const pool = { connect: () => Promise.reject(new Error('not asked')) }
  expect(settleOutbox({ pool }, env)).toMatchObject({ pool, url: undefined })
})

test('no database is an error, and an empty variable is none', () => {
  const none = expect.objectContaining({ code: 'no_store' })
  expect(() => settleOutbox({}, {})).toThrow(none)
  expect(() => settleOutbox({}, { DATABASE_URL: '' })).toThrow(none)
})

test('the schema goes into statements as it is, so it is checked', () => {
  expect(settleOutbox({ databaseUrl: 'postgres://a/b', outboxSchema: 'shop' }).schema).toBe('shop')
  for (const outboxSchema of ['', 'Shop', 'a b', 'a; drop table orders', 'x'.repeat(41)]) {
    expect(() => settleOutbox({ databaseUrl: 'postgres://a/b', outboxSchema })).toThrow(
      expect.objectContaining({ code: 'invalid_option' }),
    )
  }
})

test('an option that is not known is refused with the one that was meant', () => {
  expect(() => settleOutbox({ databaseUrl: 'postgres://a/b', outboxShema: 'shop' } as never)).toThrow(
    expect.objectContaining({ code: 'invalid_option', hint: 'Did you mean "outboxSchema"?' }),
  )
})
