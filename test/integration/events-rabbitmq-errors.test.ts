import { expect, test } from 'vitest'
import { event, eventWorld, spec } from '../support/event-world.ts'
import { freePort } from '../support/free-port.ts'
import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'

async function failure(url: string, options: { waitMs?: number; maxPayloadBytes?: number } = {}): Promise<unknown> {
  const driver = rabbitMqDriver({ url, ...options })
  try {
    await driver.publish([event('a')])
    return undefined
  } catch (error) {
    return error
  } finally {
    await driver.close()
  }
}

test('a URL that cannot be read', () => {
  for (const url of ['http://localhost', 'nonsense', 'amqp://'])
    expect(() => rabbitMqDriver({ url })).toThrow(expect.objectContaining({ code: 'invalid_url' }))
})

test('wrong password, wrong vhost, no permission, nobody there: each has its code, and no password in it', async () => {
  await using world = await eventWorld()
  const { url, name } = world.vhost
  const wrong = new URL(url)
  wrong.password = 'top-secret'
  const unauthorized = await failure(wrong.href)
  expect(unauthorized).toMatchObject({ code: 'unauthorized', message: expect.stringContaining(`vhost "${name}"`) })
  const noVhost = await failure(url.replace(name, 'nowhere'))
  expect(noVhost).toMatchObject({ code: 'wrong_namespace', hint: expect.stringContaining('add_vhost "nowhere"') })
  const reader = await world.vhost.addUser({ configure: '^$', write: '^$', read: '.*' })
  const forbidden = await failure(reader)
  expect(forbidden).toMatchObject({ code: 'no_permission', hint: expect.stringContaining('set_permissions') })
  const away = await failure(`amqp://guest:top-secret@127.0.0.1:${await freePort()}/x`, { waitMs: 300 })
  expect(away).toMatchObject({ code: 'store_away', message: expect.stringContaining('ECONNREFUSED') })
  for (const error of [unauthorized, noVhost, forbidden, away])
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('secret')
})

test('a publisher without the right to configure may use what is there', async () => {
  await using world = await eventWorld()
  const admin = world.driver()
  await admin.apply(spec('a'))
  const publisher = await world.vhost.addUser({ configure: '^$', write: '^panda\\.', read: '^$' })
  expect(await failure(publisher)).toBeUndefined()
  expect((await admin.stats('a')).waiting).toBe(1)
})

test('a payload that is too large is refused before it is sent, and 1 MB is not', async () => {
  await using world = await eventWorld()
  const driver = world.driver({ maxPayloadBytes: 2_000_000 })
  await driver.apply(spec('a'))
  await driver.publish([event('a', 'x'.repeat(1_000_000))])
  await expect(driver.publish([event('a', 'x'.repeat(2_000_000))])).rejects.toMatchObject({ code: 'payload_too_large' })
  expect((await driver.stats('a')).waiting).toBe(1)
})

test('a caller may stop waiting', async () => {
  const driver = rabbitMqDriver({ url: `amqp://127.0.0.1:${await freePort()}` })
  const stop = new AbortController()
  const published = driver.publish([event('a')], stop.signal)
  stop.abort(new Error('enough'))
  await expect(published).rejects.toThrow('enough')
  await driver.close()
})
