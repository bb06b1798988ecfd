import { expect, test } from 'vitest'
import { collect, event, events, eventWorld, numberOf, spec } from '../support/event-world.ts'
import { waitFor } from '../support/wait-for.ts'

test('a failed event comes back when it is due, never before, with its attempts on record', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a'))
  const delays = [250, 1_000, 1_700, 0]
  const due: number[] = []
  const early: number[] = []
  const got = await collect(driver, 'a', ({ attempt }) => {
    const at = due[attempt - 2]
    if (at !== undefined) early.push(Date.now() - at)
    const delayMs = delays[attempt - 1]
    if (delayMs === undefined) return { kind: 'done' }
    due.push(Date.now() + delayMs)
    return { kind: 'retry', delayMs, error: `{"message":"${attempt}"}` }
  })
  await driver.publish([event('a', { n: 1 })])
  const all = await got.atLeast(5)
  expect(all.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5])
  expect(all[0]?.firstFailedAt).toBeNull()
  expect(all[4]?.firstFailedAt).toBe(all[1]?.firstFailedAt)
  expect(Math.min(...early)).toBeGreaterThanOrEqual(0)
  expect(all[4]?.raw).toBe('{"n":1}')
})

test('one deleted subscription and one full one do not hold up the retries of the others', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  for (const name of ['gone', 'full', 'alive']) await driver.apply(spec(name))
  const retryAll = ({ attempt }: { attempt: number }) =>
    attempt === 1 ? ({ kind: 'retry', delayMs: 10_000, error: '{}' } as const) : ({ kind: 'done' } as const)
  const [gone, full] = [await collect(driver, 'gone', retryAll), await collect(driver, 'full', retryAll)]
  for (const name of ['gone', 'full']) await driver.publish(events(name, 100))
  await gone.atLeast(100)
  await full.atLeast(100)
  await waitFor('200 to be on their way', async () => {
    const held = await Promise.all(['gone', 'full'].map(async (name) => (await driver.stats(name)).taken))
    return held.every((count) => count === 0)
  })
  await full.consumer.stop()
  await driver.unsubscribe('gone')
  await world.vhost.setPolicy('full', '^panda\\.sub\\.full\\.', { 'max-length': 10, overflow: 'reject-publish' })
  const impatient = world.driver({ waitMs: 500 })
  for (let n = 0; n < 15; n += 1) await impatient.publish([event('full', { n })]).catch(() => undefined)
  const alive = await collect(driver, 'alive', retryAll)
  await driver.publish(events('alive', 100))
  const all = await alive.atLeast(200, 60_000)
  expect(
    all
      .filter(({ attempt }) => attempt === 2)
      .map(numberOf)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 100 }, (_, n) => n))
  await waitFor(
    'the orphans to be kept apart',
    async () => {
      const orphans = (await world.vhost.queues()).find(({ name }) => name === 'panda.orphans.v1')
      return orphans?.messages === 100
    },
    30_000,
  )
})

test('a queue that refuses by a policy is told to the publisher', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('full'))
  await world.vhost.setPolicy('full', '^panda\\.sub\\.full\\.', { 'max-length': 1, overflow: 'reject-publish' })
  const refused = waitFor(
    'a refusal',
    async () =>
      driver.publish([event('full')]).then(
        () => false as const,
        (error: unknown) => error,
      ),
    60_000,
  )
  expect(await refused).toMatchObject({ code: 'store_refused', hint: expect.stringContaining('policy') })
})
