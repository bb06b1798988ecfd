import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeadLetterView, LoggedEventView, SubscriptionView } from '../../packages/contract/src/index.ts'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import { type CliOptions, runInProcess } from '../support/cli-io.ts'
import { collect, event, events, type EventWorld, eventWorld, spec } from '../support/event-world.ts'
import { freePort } from '../support/free-port.ts'
import { waitFor } from '../support/wait-for.ts'

/** `panda` straight to a broker, without a server. */

let world: EventWorld
let driver: EventDriver

beforeAll(async () => {
  world = await eventWorld()
  driver = world.driver()
})
afterAll(() => world[Symbol.asyncDispose]())

const panda = (words: string[], options: CliOptions = {}) =>
  runInProcess(words, { ...options, env: { RABBITMQ_URL: world.vhost.url, ...options.env } })

async function ok(words: string[], options: CliOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await panda(words, options)
  expect(code, `${stdout}${stderr}`).toBe(0)
  return stdout
}
const json = async <T>(words: string[]): Promise<T> => JSON.parse(await ok([...words, '-o', 'json'])) as T
const lines = (text: string) => text.split('\n').filter((line) => line !== '')

/** A subscription whose events are all dead. */
async function withDead(name: string, count: number): Promise<string[]> {
  await driver.apply(spec(name))
  const published = events(name, count)
  await driver.publish(published)
  const error = JSON.stringify({ name: 'TypeError', message: 'no such address', stack: 'TypeError\n  at x', at: 0 })
  const all = await collect(driver, name, () => ({ kind: 'dead', reason: 'attempts', error }))
  await all.atLeast(count)
  await waitFor('the dead letters', async () => (await driver.stats(name)).dead === count)
  await all.consumer.close()
  return published.map(({ id }) => id)
}

describe('panda event', () => {
  it('publishes, from the command line and from standard input', async () => {
    await driver.apply(spec('greeter', ['greet.#']))
    await ok(['event', 'publish', 'greet.one', '{"n":1}', '--key', 'k', '--source', 'me'])
    await ok(['event', 'publish', 'greet.two', '-'], { stdin: '{"n":2}' })
    const all = await collect(driver, 'greeter')
    await all.atLeast(2)
    await all.consumer.close()
    expect(all.deliveries.map(({ event: each }) => each)).toMatchObject([
      { type: 'greet.one', key: 'k', source: 'me', data: '{"n":1}' },
      { type: 'greet.two', key: null, source: 'panda', data: '{"n":2}' },
    ])
  })

  it('tails what was published, one object per line, by pattern and offset', async () => {
    await driver.publish([event('tail.a', { n: 1 }), event('tail.b', { n: 2 }), event('other', {})])
    const all = lines(await ok(['event', 'tail', 'tail.*', '-o', 'json']))
    const [first, second] = all.map((line) => JSON.parse(line) as LoggedEventView)
    expect(all).toHaveLength(2)
    expect(first).toMatchObject({ type: 'tail.a', data: { n: 1 } })
    const from = String(second?.offset)
    expect(lines(await ok(['event', 'tail', 'tail.#', '--from', from, '-o', 'name']))).toEqual([second?.id])
    expect(lines(await ok(['event', 'tail', 'tail.#', '--limit', '1', '-o', 'wide']))).toHaveLength(1)
  })

  it('follows until Ctrl-C', async () => {
    let interrupt = (): void => undefined
    let seen = ''
    const run = panda(['event', 'tail', 'live.*', '--follow', '--from', '1m'], {
      onStart: (stop) => {
        interrupt = stop
      },
      onOutput: (text) => {
        seen += text
      },
    })
    await driver.publish([event('live.one', { n: 1 })])
    await waitFor('the event to be shown', () => seen.includes('live.one'), 20_000)
    await driver.publish([event('live.two', { n: 2 })])
    await waitFor('the next one to be shown', () => seen.includes('live.two'), 20_000)
    interrupt()
    expect((await run).code).toBe(130)
  })

  it('lists types with who listens and what is kept', async () => {
    await driver.apply(spec('typist', ['typed.*']))
    await driver.publish([event('typed.a'), event('typed.a'), event('nobody.listens')])
    const { items } = await json<{ items: { type: string }[] }>(['event', 'types'])
    const of = (type: string) => items.find((item) => item.type === type)
    expect(of('typed.a')).toMatchObject({ events: 2, subscriptions: ['typist'], unrouted: 0, sources: ['test'] })
    expect(of('nobody.listens')).toMatchObject({ events: 1, subscriptions: [], unrouted: 1 })
    expect(await ok(['event', 'types', '-o', 'wide'])).toMatch(/nobody\.listens\s+1\s.*none/)
  })
})

describe('panda subscription', () => {
  it('lists, shows, pauses, resumes and tells the lag', async () => {
    await driver.apply(spec('laggard', ['lag.*'], 'none'))
    await driver.publish([event('lag.a'), event('lag.b')])
    await waitFor('the events', async () => (await driver.stats('laggard')).waiting === 2)
    expect(await ok(['subscription', 'list'])).toMatch(/laggard\s+no consumers\s+lag\.\*\s+2\s/)
    expect(await ok(['subscription', 'pause', 'laggard'])).toBe('Paused subscription laggard: 2 events wait.\n')
    expect(await json<SubscriptionView>(['subscription', 'get', 'laggard'])).toMatchObject({ paused: true, waiting: 2 })
    expect(await ok(['subscription', 'resume', 'laggard'])).toContain('Resumed')
    expect(await ok(['subscription', 'lag', 'laggard', '--above', '10d'])).toMatch(/laggard\s+2/)
    expect((await panda(['subscription', 'lag', 'laggard', '--above', '1ms'])).code).toBe(1)
  })

  it('replays what the log has, and is deleted', async () => {
    const published = events('again', 3)
    await driver.publish(published)
    await driver.apply(spec('latecomer', ['again']))
    await waitFor('the kept events', async () => (await driver.stats('latecomer')).waiting === 3)
    const answer = await json(['subscription', 'replay', 'latecomer', '--from', '1h', '--yes'])
    expect(answer).toEqual({ events: 3 })
    await waitFor('the replayed events', async () => (await driver.stats('latecomer')).waiting === 6)
    expect((await panda(['subscription', 'delete', 'latecomer'])).code).toBe(2)
    expect(await ok(['subscription', 'delete', 'latecomer', '--yes'])).toContain('6 events')
    expect(await driver.subscriptions()).not.toContain('latecomer')
  })

  it('asks for a name that is near, with exit code 3', async () => {
    await driver.apply(spec('email-service', ['mail.*']))
    const { code, stderr } = await panda(['subscription', 'get', 'email-servce'])
    expect(code).toBe(3)
    expect(stderr).toContain('Did you mean "email-service"?')
    expect((await panda(['subscription', 'delete', 'email-servce', '--yes'])).code).toBe(3)
  })
})

describe('panda deadletter', () => {
  it('lists, shows, and redrives one, those that fit and all, at a rate', async () => {
    const ids = await withDead('mailer', 5)
    const page = await json<{ items: DeadLetterView[] }>(['deadletter', 'list', 'mailer', '--limit', '2'])
    expect(page).toMatchObject({
      items: [{ id: ids[0], subscription: 'mailer', reason: 'attempts', error: { name: 'TypeError' } }, { id: ids[1] }],
      nextCursor: expect.any(String) as string,
    })
    expect(lines(await ok(['deadletter', 'list', '-o', 'name']))).toEqual(expect.arrayContaining(ids))
    expect(await ok(['deadletter', 'show', 'mailer', ids[0] ?? ''])).toMatch(/Error\s+TypeError: no such address/)
    expect(await ok(['deadletter', 'redrive', 'mailer', ids[0] ?? ''])).toBe('Redrove 1 dead letters of mailer.\n')
    expect(await json(['deadletter', 'redrive', 'mailer', '--type', 'other', '--yes'])).toEqual({
      done: 0,
      missing: 0,
      total: 0,
    })
    const rest = ['deadletter', 'redrive', 'mailer', '--reason', 'attempts', '--rate', '600/s', '--yes']
    expect(await json(rest)).toEqual({ done: 4, missing: 0, total: 4 })
    await waitFor('all to wait again', async () => (await driver.stats('mailer')).waiting === 5)
    const { code, stdout } = await panda(['deadletter', 'redrive', 'mailer', 'gone'])
    expect([code, stdout]).toEqual([3, 'Redrove 0 dead letters of mailer. 1 were gone already.\n'])
  })

  it('shows how far it is on a terminal, and stops at Ctrl-C', async () => {
    await withDead('slow', 3)
    let interrupt = (): void => undefined
    const { code, stdout, stderr } = await panda(['deadletter', 'redrive', 'slow', '--rate', '1/h', '--yes'], {
      terminal: { columns: 100 },
      onStart: (stop) => {
        interrupt = stop
      },
      onOutput: (text) => {
        if (text.includes('1 of 3')) interrupt()
      },
    })
    expect(stderr).toContain('1 of 3 dead letters redriven')
    expect(stdout).toContain('Redrove 1 dead letters of slow. Stopped: 2 are left.')
    expect(code).toBe(130)
    expect((await driver.stats('slow')).dead).toBe(2)
  })

  it('delivers one with another payload', async () => {
    const [id = ''] = await withDead('mended', 1)
    await ok(['deadletter', 'edit', 'mended', id, '-'], { stdin: '{"n":42}' })
    const all = await collect(driver, 'mended')
    await all.atLeast(1)
    await all.consumer.close()
    expect(all.deliveries[0]?.event).toMatchObject({ id, data: '{"n":42}' })
    const none = await panda(['deadletter', 'edit', 'mended', 'gone', '{}'])
    expect([none.code, none.stderr]).toEqual([3, expect.stringContaining('has no dead letter gone')])
  })

  it('drops one and all, but only when told', async () => {
    const [id = ''] = await withDead('dropper', 3)
    expect((await panda(['deadletter', 'drop', 'dropper'])).code).toBe(2)
    expect((await driver.stats('dropper')).dead).toBe(3)
    expect(await ok(['deadletter', 'drop', 'dropper', id, '--yes'])).toContain('Dropped 1 ')
    expect(await ok(['deadletter', 'drop', 'dropper', '--yes'])).toContain('Dropped 2 ')
    expect((await driver.stats('dropper')).dead).toBe(0)
  })
})

describe('panda topology', () => {
  it('plans, applies, and has nothing left to do', async () => {
    const words = ['planned', 'plan.a', 'plan.b', '--order', 'strict']
    const planned = await panda(['topology', 'plan', ...words, '--detailed-exitcode'])
    expect([planned.code, planned.stdout]).toEqual([2, expect.stringContaining('+ planned: create:')])
    expect(await driver.subscriptions()).not.toContain('planned')
    await ok(['topology', 'apply', ...words])
    expect(await ok(['topology', 'plan', ...words])).toBe('Nothing would change: all is as declared.\n')
    expect((await panda(['topology', 'apply', 'planned', 'plan.a'])).stderr).toContain('nobody to ask')
    expect(await ok(['topology', 'apply', 'planned', 'plan.a', '--yes'])).toContain('- planned: unbind')
    expect(await driver.stats('planned')).toMatchObject({ patterns: ['plan.a'], order: 'strict' })
  })

  it('sees a queue that somebody deleted', async () => {
    await driver.apply(spec('broken'))
    const main = (await world.vhost.queues()).find(({ name }) => name.endsWith('.sub.broken.g1'))
    await world.vhost.deleteQueue(main?.name ?? 'none')
    const { changes } = await json<{ changes: unknown[] }>(['topology', 'plan', 'broken'])
    expect(changes).toMatchObject([{ subscription: 'broken', action: 'create' }])
    await ok(['topology', 'apply', 'broken'])
    expect(await ok(['topology', 'plan', 'broken'])).toContain('Nothing would change')
  })

  it('reads declarations from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'panda-topology-'))
    const file = join(folder, 'subscriptions.yaml')
    await writeFile(file, 'subscriptions:\n  filed:\n    patterns: [file.a]\n  other: { patterns: ["file.#"] }\n')
    expect(await ok(['topology', 'apply', '-f', file])).toMatch(/filed[\s\S]*other/)
    await writeFile(file, 'subscriptions:\n  filed:\n    patterns: "file.a"\n')
    const { code, stderr } = await panda(['topology', 'plan', '-f', file])
    expect([code, stderr]).toEqual([2, expect.stringContaining('subscription filed: patterns')])
    await rm(folder, { recursive: true })
  })
})

describe('mistakes', () => {
  it.each([
    [['event', 'publish', 'no type'], 2, 'is no event type'],
    [['event', 'publish', 'a', '{x'], 2, 'not JSON'],
    [['event', 'tail', 'a..b'], 2, 'is no pattern'],
    [['subscription', 'replay', 'x', '--from', 'soon'], 2, 'is not a time'],
    [['deadletter', 'redrive', 'x', '--rate', 'fast'], 2, 'is not a rate'],
    [['subscription', 'list', '--broker', 'http://x'], 2, 'no known broker'],
  ])('%j ends with %d', async (words, code, message) => {
    const run = await panda(words)
    expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(message)])
  })

  it('says that the broker is away, without its password', async () => {
    const url = `amqp://me:a-password@127.0.0.1:${await freePort()}/x`
    const { code, stderr } = await panda(['subscription', 'list', '--broker', url, '-o', 'json'])
    expect([code, stderr]).toEqual([7, expect.stringContaining('store_away')])
    expect(stderr).not.toContain('a-password')
  })
})
