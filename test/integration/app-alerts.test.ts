import type { AppDetail } from '@pandastack/contract'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AlertItem, AlertPayload } from '../../packages/server/src/alerts/payload.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../chaos/webhook-receiver.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** Alerts about apps through a whole server to a real receiver, on the fake runtime. */

let server: TestServer
let receiver: WebhookReceiver
beforeAll(async () => {
  receiver = await startWebhookReceiver()
  server = await startTestServer({ config: { alertAllow: ['127.0.0.0/8'] } })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

const deploy = (name: string, body: unknown) => server.api.ok('POST', `/v1/apps/${name}/deploys`, body)
const get = (name: string) => server.api.ok<AppDetail>('GET', `/v1/apps/${name}`)
const told = (name: string): AlertItem[] =>
  receiver.calls.flatMap(({ body }) => (JSON.parse(body) as AlertPayload).items).filter(({ app }) => app === name)
const listen = (name: string, app: string | null, on?: string[]) =>
  server.api.ok('POST', '/v1/alerts', {
    name,
    app,
    groupFor: '0s',
    channel: { kind: 'webhook', url: receiver.url },
    ...(on === undefined ? {} : { on }),
  })

async function ready(name: string): Promise<void> {
  await waitFor(`${name} to be ready`, async () => (await get(name)).readyRevision !== null, 20_000)
}

/** As if its container had ended so now: what the engine reports is the business of other tests. */
async function endedThus(name: string, minutesAgo: readonly number[], reason: string): Promise<void> {
  const at = Date.now()
  const ends = minutesAgo.map((minutes) => ({
    at: new Date(at - minutes * 60_000).toISOString(),
    reason,
    message: 'exited with code 3',
    exitCode: 3,
  }))
  await sql`update app_instances set ends = ${JSON.stringify(ends)}::jsonb where app_id in (
    select id from apps where name = ${name})`.execute(server.db)
}

describe.concurrent('an alert for an app', () => {
  it('tells of a crash loop once, with the last lines, and of the recovery', async () => {
    // Ready after 5 s, then it ends: the fake program lives 6 s.
    await deploy('looping', { image: 'your-org/api:1', command: ['after', '6s', 'exit', '3', 'print', 'no database'] })
    await listen('looping-ops', 'looping')
    await ready('looping')
    await waitFor('the crash loop to be told', () => told('looping').length === 1, 60_000)
    const crashing = await get('looping')
    expect(crashing.state).toBe('crashing')
    expect(crashing.restarts).toBeGreaterThanOrEqual(2)
    expect(crashing.lastEnd).toMatchObject({ exitCode: 3, reason: 'exit-code', message: 'exited with code 3' })
    const [item] = told('looping')
    expect(item).toMatchObject({ event: 'crash-loop', revision: 1, exitCode: 3, message: expect.stringContaining('3') })
    expect(item?.lastLines).toContain('no database')
    const before = crashing.restarts
    await waitFor('it to go on crashing', async () => (await get('looping')).restarts > before, 60_000)
    expect(told('looping')).toHaveLength(1)
    await deploy('looping', { command: ['forever'] })
    await waitFor('the recovery to be told', () => told('looping').length === 2, 20_000)
    expect(told('looping')[1]).toMatchObject({ event: 'recovered', revision: 2, lastLines: [] })
    expect(await get('looping')).toMatchObject({ state: 'ready', restarts: 0, lastEnd: null })
  }, 120_000)

  it('tells of each failed deploy, and of the one that mends it', async () => {
    await deploy('badly', { image: 'your-org/api:1', command: ['forever'] })
    await ready('badly')
    await listen('badly-ops', 'badly')
    await deploy('badly', { command: ['exit', '3', 'print', 'no table'] })
    await waitFor('the failed deploy to be told', () => told('badly').length === 1, 30_000)
    const [item] = told('badly')
    expect(item).toMatchObject({ event: 'deploy-failed', revision: 2, exitCode: 3 })
    expect(item?.message).toContain('an instance ended 3 times before it was ready')
    expect(item?.lastLines).toContain('no table')
    await deploy('badly', { command: ['forever'] })
    await waitFor('the recovery to be told', () => told('badly').length === 2, 20_000)
    expect(told('badly')[1]).toMatchObject({ event: 'recovered', revision: 3 })
  }, 90_000)

  it('tells of a want of memory, and of no other app', async () => {
    await deploy('hungry', { image: 'your-org/api:1', command: ['forever'] })
    await deploy('other', { image: 'your-org/api:1', command: ['forever'] })
    await listen('hungry-ops', 'hungry')
    await Promise.all([ready('hungry'), ready('other')])
    await endedThus('other', [1], 'out-of-memory')
    await endedThus('hungry', [1], 'out-of-memory')
    await waitFor('it to be told', () => told('hungry').length === 1, 20_000)
    expect(told('hungry')[0]).toMatchObject({ event: 'out-of-memory', reason: 'out-of-memory' })
    expect(await get('hungry')).toMatchObject({ state: 'ready', lastEnd: { reason: 'out-of-memory' } })
    await waitFor('the other one to be in its episode, too', async () => (await troubles('other')).length === 1, 10_000)
    expect(told('other')).toEqual([])
    await server.api.ok('POST', '/v1/apps/hungry/stop')
    await waitFor('its episode to be over', async () => (await troubles('hungry')).length === 0, 10_000)
    expect(told('hungry')).toHaveLength(1)
  }, 60_000)
})

async function troubles(name: string): Promise<string[]> {
  const row = await server.db.selectFrom('apps').select('troubles').where('name', '=', name).executeTakeFirstOrThrow()
  return row.troubles
}

describe('an alert is refused', () => {
  const channel = { kind: 'webhook', url: 'https://example.com/hook' }

  it.each<[string, object, number, string, string]>([
    ['for an app that is not there', { app: 'nope' }, 404, 'not_found', 'There is no app "nope"'],
    [
      'for an app and events of runs',
      { app: 'spare', on: ['late', 'missed'] },
      400,
      'invalid_request',
      'No app is ever late',
    ],
    ['with a word that is no event', { on: ['oom'] }, 400, 'invalid_request', ''],
    ['with a name that is none', { app: 'Not A Name' }, 400, 'invalid_name', ''],
  ])('%s', async (_what, change, status, code, says) => {
    await deploy('spare', { image: 'your-org/api:1', command: ['forever'] })
    const { body } = await server.api.call<{ detail: string }>('POST', '/v1/alerts', {
      name: 'bad',
      channel,
      ...change,
    })
    expect(body).toMatchObject({ status, code })
    expect(JSON.stringify(body)).toContain(says.replaceAll('"', '\\"'))
  })

  it('hears of everything when it names neither, and shows what it is for', async () => {
    await server.api.ok('POST', '/v1/alerts', { name: 'all', channel })
    const all = await server.api.ok<{ on: string[] }>('GET', '/v1/alerts/all')
    expect(all).toMatchObject({ app: null, cronjob: null })
    expect(all.on).toEqual(['failed', 'lost', 'missed', 'crash-loop', 'out-of-memory', 'deploy-failed', 'recovered'])
  })
})
