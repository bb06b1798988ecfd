import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeadLetterView, LoggedEventView, SubscriptionView } from '../../packages/contract/src/index.ts'
import { Events } from '../../packages/sdk/src/events/index.ts'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import type { Client } from '../support/api-client.ts'
import { runInProcess } from '../support/cli-io.ts'
import { collect, events, event, type EventWorld, eventWorld, spec } from '../support/event-world.ts'
import { freePort } from '../support/free-port.ts'
import { readEvents } from '../support/read-events.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** Events through the server: the broker is the one that the project's env names. */

let server: TestServer
let world: EventWorld
let driver: EventDriver
let api: Client

beforeAll(async () => {
  server = await startTestServer()
  world = await eventWorld()
  driver = world.driver()
  api = server.api
  await api.ok('PUT', '/v1/env/RABBITMQ_URL', { value: world.vhost.url })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

async function withDead(name: string, count: number): Promise<string[]> {
  await driver.apply(spec(name))
  const published = events(name, count)
  await driver.publish(published)
  const error = JSON.stringify({ name: 'TypeError', message: 'no such address', stack: null, at: 0 })
  const all = await collect(driver, name, () => ({ kind: 'dead', reason: 'attempts', error }))
  await all.atLeast(count)
  await waitFor('the dead letters', async () => (await driver.stats(name)).dead === count)
  await all.consumer.close()
  return published.map(({ id }) => id)
}

describe('events', () => {
  it('are published by the API and handled by the SDK', async () => {
    const consumer = new Events({ url: world.vhost.url, handleSignals: false })
    const got: unknown[] = []
    await consumer.subscribe('api.made', { subscription: 'api-consumer' }, (payload, { source, key }) => {
      got.push({ payload, source, key })
    })
    await api.ok('POST', '/v1/events', { type: 'api.made', data: { n: 1 }, key: 'k', source: 'curl' })
    await waitFor('the event to be handled', () => got.length === 1)
    expect(got).toEqual([{ payload: { n: 1 }, source: 'curl', key: 'k' }])
    await consumer.close()
  })

  it('are read from the log in pages', async () => {
    await driver.publish(events('paged', 5))
    const numbers: unknown[] = []
    let from: string | null = '0'
    let pages = 0
    while (from !== null) {
      const page: { items: LoggedEventView[]; nextCursor: string | null } = await api.ok(
        'GET',
        `/v1/events?patterns=paged,none.*&limit=2&from=${from}`,
      )
      numbers.push(...page.items.map(({ data }) => (data as { n: number }).n))
      from = page.nextCursor
      pages += 1
    }
    expect([numbers, pages]).toEqual([[0, 1, 2, 3, 4], 3])
  })

  it('are followed live, and from the last one seen', async () => {
    await driver.publish([event('live.a', { n: 1 })])
    const url = `${server.url}/v1/events?patterns=live.*&from=0&follow=true`
    const follow = async (count: number, lastEventId = ''): Promise<{ id: string | null; n: number }[]> => {
      const headers = { authorization: `Bearer ${server.token}`, 'last-event-id': lastEventId }
      const seen: { id: string | null; n: number }[] = []
      for await (const { id, data } of readEvents(await fetch(url, { headers }))) {
        seen.push({ id, n: ((data as LoggedEventView).data as { n: number }).n })
        if (seen.length === 1) await driver.publish([event('live.b', { n: 2 + seen.length })])
        if (seen.length === count) break
      }
      return seen
    }
    const [first, second] = await follow(2)
    expect([first?.n, second?.n]).toEqual([1, 3])
    expect((await follow(2, first?.id ?? '')).map(({ n }) => n)).toEqual([3, 3])
  })

  it('have types, with who listens', async () => {
    await driver.apply(spec('lister', ['typed.*']))
    await api.ok('POST', '/v1/events', { type: 'typed.one', data: {} })
    const { items } = await api.ok<{ items: { type: string }[] }>('GET', '/v1/events/types')
    expect(items.find(({ type }) => type === 'typed.one')).toMatchObject({ events: 1, subscriptions: ['lister'] })
  })
})

describe('subscriptions', () => {
  it('are declared, shown, paused, replayed and deleted', async () => {
    await driver.publish(events('audit.x', 2))
    const body = { name: 'auditor', patterns: ['audit.*'] }
    const planned = await api.ok<{ changes: unknown[] }>('POST', '/v1/topology/plan', body)
    expect(planned.changes).toMatchObject([{ action: 'create' }, { action: 'bind' }])
    expect(await api.ok('POST', '/v1/topology/apply', body)).toEqual(planned)
    expect(await api.ok('POST', '/v1/topology/plan', body)).toEqual({ changes: [] })
    await waitFor('what was kept', async () => (await driver.stats('auditor')).waiting === 2)
    expect(await api.ok<SubscriptionView>('POST', '/v1/subscriptions/auditor/pause')).toMatchObject({ paused: true })
    expect(await api.ok('POST', '/v1/subscriptions/auditor/replay', { from: '0' })).toEqual({ events: 2 })
    await waitFor('the replayed', async () => (await driver.stats('auditor')).waiting === 4)
    expect(await api.ok<SubscriptionView>('POST', '/v1/subscriptions/auditor/resume')).toMatchObject({ waiting: 4 })
    await api.ok('DELETE', '/v1/subscriptions/auditor')
    expect((await api.call('GET', '/v1/subscriptions/auditor')).body).toMatchObject({ status: 404, code: 'not_found' })
  })
})

describe('dead letters', () => {
  it('are listed, shown, redriven with other data, and dropped', async () => {
    const [first = '', second = '', third = ''] = await withDead('mailer', 3)
    const base = '/v1/subscriptions/mailer/dead-letters'
    const page = await api.ok<{ items: DeadLetterView[]; nextCursor: string }>('GET', `${base}?limit=1`)
    expect(page.items).toMatchObject([{ id: first, subscription: 'mailer', error: { name: 'TypeError' } }])
    const rest = await api.ok<{ items: DeadLetterView[] }>('GET', `${base}?limit=5&cursor=${page.nextCursor}`)
    expect(rest.items.map(({ id }) => id)).toEqual([second, third])
    expect(await api.ok<DeadLetterView>('GET', `${base}/${first}`)).toMatchObject({ event: { data: { n: 0 } } })
    const many = await api.call('POST', `${base}/redrive`, { ids: [first, second], data: {} })
    expect(many.body).toMatchObject({ status: 400, errors: [{ path: 'data' }] })
    const mended = { ids: [first], data: { n: 42 } }
    expect(await api.ok('POST', `${base}/redrive`, mended)).toEqual({ results: ['done'] })
    expect(await api.ok('POST', `${base}/redrive`, { ids: ['gone', second] })).toEqual({
      results: ['not-found', 'done'],
    })
    expect(await api.ok('POST', `${base}/drop`, { ids: [third] })).toEqual({ results: ['done'] })
    const all = await collect(driver, 'mailer')
    const got = (await all.atLeast(2)).map(({ event: each }) => each?.data)
    expect(new Set(got)).toEqual(new Set(['{"n":1}', '{"n":42}']))
    await all.consumer.close()
  })
})

describe('panda, through the server', () => {
  const panda = (...words: string[]) =>
    runInProcess([...words, '--url', server.url], { env: { PANDA_TOKEN: server.token } })

  it('publishes, tails, shows and replays', async () => {
    await driver.apply(spec('by-server', ['served.*']))
    expect(await panda('event', 'publish', 'served.one', '{"n":1}')).toMatchObject({ code: 0 })
    const tail = await panda('event', 'tail', 'served.*', '-o', 'json')
    expect(JSON.parse(tail.stdout)).toMatchObject({ type: 'served.one', data: { n: 1 } })
    expect((await panda('event', 'types')).stdout).toMatch(/served\.one\s+1\s.*by-server/)
    await waitFor('the event', async () => (await driver.stats('by-server')).waiting === 1)
    expect((await panda('subscription', 'list')).stdout).toMatch(/by-server\s+no consumers\s+served\.\*\s+1/)
    const replayed = await panda('subscription', 'replay', 'by-server', '--from', '1h', '--yes')
    expect(replayed.stdout).toBe('Delivered 1 events to by-server once more.\n')
    expect((await panda('topology', 'plan', 'by-server')).stdout).toContain('Nothing would change')
    const near = await panda('subscription', 'get', 'by-servr')
    expect([near.code, near.stderr]).toEqual([3, expect.stringContaining('Did you mean "by-server"?')])
    expect(await panda('subscription', 'delete', 'by-server', '--yes')).toMatchObject({ code: 0 })
  })

  it('redrives and edits dead letters', async () => {
    const [first = ''] = await withDead('by-server-dead', 3)
    expect((await panda('deadletter', 'list', 'by-server-dead', '-o', 'name')).stdout.trim().split('\n')).toHaveLength(
      3,
    )
    expect((await panda('deadletter', 'show', 'by-server-dead', first)).stdout).toContain('no such address')
    expect(await panda('deadletter', 'edit', 'by-server-dead', first, '{"n":9}')).toMatchObject({ code: 0 })
    const rest = await panda('deadletter', 'redrive', 'by-server-dead', '--rate', '1000/s', '--yes')
    expect(rest.stdout).toBe('Redrove 2 dead letters of by-server-dead.\n')
    expect((await driver.stats('by-server-dead')).dead).toBe(0)
  })

  it('follows until Ctrl-C', async () => {
    let interrupt = (): void => undefined
    let seen = ''
    const run = runInProcess(['event', 'tail', 'followed', '-f', '--from', '1m', '--url', server.url], {
      env: { PANDA_TOKEN: server.token },
      onStart: (stop) => {
        interrupt = stop
      },
      onOutput: (text) => {
        seen += text
      },
    })
    await driver.publish([event('followed')])
    await waitFor('the event to be shown', () => seen.includes('followed'), 20_000)
    interrupt()
    expect((await run).code).toBe(130)
  })
})

describe('mistakes', () => {
  it.each([
    ['GET', '/v1/subscriptions/nothing', undefined, 404, 'not_found'],
    ['GET', '/v1/subscriptions/Bad%20Name', undefined, 400, 'invalid_request'],
    ['POST', '/v1/subscriptions/nothing/replay', { from: '0' }, 404, 'not_found'],
    ['DELETE', '/v1/subscriptions/nothing', undefined, 404, 'not_found'],
    ['GET', '/v1/subscriptions/nothing/dead-letters/x', undefined, 404, 'not_found'],
    ['GET', '/v1/events?from=soon', undefined, 400, 'invalid_request'],
    ['GET', '/v1/events?patterns=a..b', undefined, 400, 'invalid_request'],
    ['POST', '/v1/events', { type: 'a b', data: {} }, 400, 'invalid_request'],
    ['POST', '/v1/events', { type: 'a', data: 'x'.repeat(300_000) }, 413, 'too_large'],
    ['POST', '/v1/topology/apply', { name: 'x', patterns: [] }, 400, 'invalid_request'],
  ] as const)('%s %s %j', async (method, path, body, status, code) => {
    expect((await api.call(method, path, body)).body).toMatchObject({ status, code })
  })

  it('says which variables would name a broker', async () => {
    await api.ok('POST', '/v1/projects', { name: 'bare' })
    const { body } = await api.call<{ detail: string }>('GET', '/v1/subscriptions?project=bare')
    expect(body).toMatchObject({ status: 409, code: 'event_broker_missing' })
    expect(body.detail).toContain('RABBITMQ_URL')
    const followed = await api.call('GET', '/v1/events?follow=true&project=bare')
    expect(followed.body).toMatchObject({ status: 409, code: 'event_broker_missing' })
  })

  it('says that the broker is away, without its password', async () => {
    await api.ok('POST', '/v1/projects', { name: 'away' })
    const url = `amqp://someone:a-password@127.0.0.1:${await freePort()}/x`
    await api.ok('PUT', '/v1/env/PANDA_EVENTS_URL?project=away', { value: url })
    const { body } = await api.call('GET', '/v1/subscriptions?project=away')
    expect(body).toMatchObject({ status: 503, code: 'event_broker_away' })
    expect(JSON.stringify(body)).not.toContain('a-password')
  })

  it('keeps apart what two namespaces of one broker have', async () => {
    await api.ok('POST', '/v1/projects', { name: 'staging' })
    await api.ok('PUT', '/v1/env/RABBITMQ_URL?project=staging', { value: world.vhost.url })
    await api.ok('PUT', '/v1/env/PANDA_EVENTS_NAMESPACE?project=staging', { value: 'staging' })
    await api.ok('POST', '/v1/topology/apply?project=staging', { name: 'only-there', patterns: ['x'] })
    const { items } = await api.ok<{ items: SubscriptionView[] }>('GET', '/v1/subscriptions?project=staging')
    expect(items.map(({ name }) => name)).toEqual(['only-there'])
    expect(await driver.subscriptions()).not.toContain('only-there')
  })
})
