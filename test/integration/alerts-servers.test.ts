import type { Delivery } from '@pandastack/contract'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startWebhookReceiver, type WebhookReceiver } from '../chaos/webhook-receiver.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** Whole servers that send alerts, two of them on one database. */

const config = { alertAllow: ['127.0.0.0/8'] }
/** Of one server's queue: four for calls, one that listens, one that renews the lease. */
const MOST_CONNECTIONS = 6
let one: TestServer
let two: TestServer
let receiver: WebhookReceiver
let alerts = 0

beforeAll(async () => {
  receiver = await startWebhookReceiver()
  one = await startTestServer({ config })
  two = await startTestServer({ config, databaseUrl: one.databaseUrl })
})
afterAll(async () => {
  await two[Symbol.asyncDispose]()
  await one[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

let name: string
beforeEach(async () => {
  name = `alert-${++alerts}`
  const channel = { kind: 'webhook', url: receiver.url }
  await one.api.ok('POST', '/v1/alerts', { name, on: ['failed'], channel })
})

async function deliveries(): Promise<Delivery[]> {
  return (await two.api.ok<{ items: Delivery[] }>('GET', `/v1/alerts/${name}/deliveries`)).items
}

const untilSent = (count: number) =>
  waitFor('all messages to be sent', async () => {
    const all = await deliveries()
    return all.filter(({ state }) => state === 'sent').length === count && all
  })

function callsOf(ids: readonly string[]): string[] {
  const wanted = new Set(ids)
  return receiver.calls.map(({ headers }) => String(headers['webhook-id'])).filter((id) => wanted.has(id))
}

const connections = async () =>
  (
    await sql<{ pid: number }>`select pid from pg_stat_activity
      where datname = current_database() and application_name = 'panda queue'`.execute(one.db)
  ).rows.map(({ pid }) => pid)

describe('two servers on one database', () => {
  it('send every message once, whoever stored it', async () => {
    const stored: string[] = []
    for (const server of [one, two, one, two, one, two]) {
      stored.push((await server.api.ok<Delivery>('POST', `/v1/alerts/${name}/test`)).id)
    }
    const sent = await untilSent(stored.length)
    expect(sent.map(({ id }) => id).toSorted()).toEqual(stored.toSorted())
    expect(sent.map(({ attempts }) => attempts)).toEqual(stored.map(() => 1))
    expect(callsOf(stored).toSorted()).toEqual(stored.toSorted())
    expect((await connections()).length).toBeLessThanOrEqual(2 * MOST_CONNECTIONS)
  })

  it('go on when the database has cut all connections of the queue', async () => {
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'panda queue'`.execute(one.db)
    const { id } = await one.api.ok<Delivery>('POST', `/v1/alerts/${name}/test`)
    await untilSent(1)
    expect(callsOf([id])).toEqual([id])
  })

  it('leave nothing connected when they stop, and the one that stays sends what comes then', async () => {
    await one.stop()
    const { id } = await two.api.ok<Delivery>('POST', `/v1/alerts/${name}/test`)
    await untilSent(1)
    expect(callsOf([id])).toEqual([id])
    await two.stop()
    expect(await connections()).toEqual([])
  })
})
