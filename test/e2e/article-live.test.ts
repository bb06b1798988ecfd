import type { Alert, AppDetail, Run } from '@pandastack/contract'
import { Client } from 'pg'
import { PNG } from 'pngjs'
import { Queue } from '@pandastack/sdk'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AlertItem, AlertPayload } from '../../packages/server/src/alerts/payload.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../chaos/webhook-receiver.ts'
import { bridgeAddress, bridged, type BridgedUrl } from '../support/bridge.ts'
import { testImage } from '../support/images.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { type MailApi, startMailApi } from '../support/mail-api.ts'
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts'
import { freshVhost, type Vhost } from '../support/rabbitmq.ts'
import { waitFor } from '../support/wait-for.ts'
import { endWorld, startWorld, type World } from './world.ts'

/** The article's three patterns on the platform: the examples in real containers, with stores that these reach. */

expectNoChildProcesses()

let world: World
let image: string
let shop: FreshDatabase
let vhost: Vhost
let database: BridgedUrl
let broker: BridgedUrl
let mail: MailApi
let sql: Client
let queue: Queue

beforeAll(async () => {
  world = await startWorld({ PANDA_ALERT_ALLOW: '127.0.0.0/8' })
  const { engine } = world.docker
  ;[image, shop, vhost] = await Promise.all([testImage('examples'), freshDatabase(), freshVhost()])
  database = await bridged(engine, shop.url)
  broker = await bridged(engine, vhost.url)
  mail = await startMailApi('the-right-key', await bridgeAddress(engine))
  sql = new Client({ connectionString: shop.url })
  await sql.connect()
  queue = new Queue('uploads', { url: shop.url })
  const stores = [`DATABASE_URL=${database.url}`, `RABBITMQ_URL=${broker.url}`]
  const mailing = [`MAIL_API_URL=${mail.url}`, 'MAIL_FROM=digest@example.com', 'MAIL_TO=ada@example.com']
  await world.panda.ok(['env', 'set', ...stores, ...mailing])
})
afterAll(async () => {
  for (const name of (await world.panda.ok(['app', 'list', '-o', 'name'])).split('\n').filter((each) => each !== '')) {
    await world.panda.ok(['app', 'delete', name, '--yes'])
  }
  await endWorld(world)
  await queue.close()
  await sql.end()
  for (const each of [database, broker, mail, shop, vhost]) await each[Symbol.asyncDispose]()
})

async function deploy(name: string, script: string, ...options: string[]): Promise<string> {
  const words = ['app', 'deploy', '--name', name, '--image', image, '--pull', 'never', ...options]
  return world.panda.ok([...words, '--', 'node', ...script.split(' ')])
}

/** What the instances of an app have written, without their names. */
async function linesOf(app: string, beginning: string): Promise<string[]> {
  const log = await world.panda.ok(['app', 'logs', app, '--tail', '1000'])
  return log.split('\n').flatMap((line) => (line.includes(beginning) ? [line.slice(line.indexOf(beginning))] : []))
}

/** Notes every time that a worker stores its effect, also one that the example's own SQL would then ignore. */
const EFFECT_LOG = `
  create table effects (file_id text, by text);
  create function note_effect() returns trigger language plpgsql as
    $$ begin insert into effects values (new.file_id, current_setting('application_name')); return new; end $$;
  create trigger effect before insert on thumbnails for each row execute function note_effect()`

interface Upload {
  readonly jobId: string
  readonly fileId: string
}

function picture(): Uint8Array<ArrayBuffer> {
  const png = new PNG({ width: 700, height: 700 })
  for (let at = 0; at < png.data.length; at++) png.data[at] = at % 4 === 3 ? 255 : (at * 7) % 256
  return new Uint8Array(PNG.sync.write(png))
}

/** Where this machine reaches the app's only instance. */
async function addressOf(app: string): Promise<string> {
  const { instances } = await world.panda.json<AppDetail>(['app', 'get', app])
  const id = instances.find(({ finishedAt }) => finishedAt === null)?.id
  const { engine } = world.docker
  const [found] = await engine.listContainers({ filters: { label: [`panda.run=${id}`] } })
  const address = Object.values(found?.NetworkSettings.Networks ?? {})[0]?.IPAddress
  if (address === undefined) throw new Error(`the instance ${id} of ${app} has no container with an address`)
  return `http://${address}:3000`
}

async function upload(api: string, body: Uint8Array<ArrayBuffer>): Promise<Upload> {
  const headers = { 'content-type': 'image/png', 'x-user-id': 'me' }
  const answer = await fetch(`${api}/uploads`, { method: 'POST', headers, body })
  expect(answer.status).toBe(200)
  return (await answer.json()) as Upload
}

async function effects(): Promise<{ file_id: string; by: string }[]> {
  return (await sql.query<{ file_id: string; by: string }>('select file_id, by from effects')).rows
}

describe.sequential('the article on real containers', () => {
  it('2: an upload is processed exactly once while the worker is redeployed in the middle', async () => {
    await Promise.all([
      deploy('api', 'uploads/api.js', '--env', 'HOST=0.0.0.0', '--env', 'PORT=3000'),
      deploy('thumbnailer', 'uploads/worker.js', '--ready', 'registered', '--env', 'PGAPPNAME=v1'),
    ])
    await sql.query(EFFECT_LOG)
    const [api, body] = [await addressOf('api'), picture()]
    const uploads: Upload[] = []
    /** Users who upload all the time, so that the worker has a few in its hands and some wait. */
    const keepUploading = async (until: () => boolean): Promise<void> => {
      while (!until()) {
        if (uploads.length - (await effects()).length < 12) uploads.push(await upload(api, body))
      }
    }
    let isDeployed = false
    const users = keepUploading(() => isDeployed && uploads.length >= 30)
    await waitFor('the first effect', async () => (await effects()).length > 0)
    const said = await deploy('thumbnailer', 'uploads/worker.js', '--env', 'PGAPPNAME=v2')
    isDeployed = true
    await users
    expect(said).toContain('1 of 1 ready, revision 2')
    expect(said).toMatch(/1 of 1 old instances have ended; [1-9]\d* finished, \d+ handed back\.$/m)

    const afterwards = await upload(api, body)
    uploads.push(afterwards)
    await waitFor('every effect', async () => (await effects()).length >= uploads.length, 60_000)
    for (const { jobId } of uploads) {
      const job = await waitFor('the job to have succeeded', async () => {
        const now = await queue.getJob(jobId)
        return now?.state === 'succeeded' && now
      })
      expect(job).toMatchObject({ failures: 0, crashes: 0 })
    }
    const log = await effects()
    const wanted = uploads.map(({ fileId }) => fileId).toSorted()
    expect(log.map(({ file_id }) => file_id).toSorted()).toEqual(wanted)
    expect(new Set(log.map(({ by }) => by))).toEqual(new Set(['v1', 'v2']))
    expect(log.find(({ file_id }) => file_id === afterwards.fileId)).toMatchObject({ by: 'v2' })
    const notified = (await (await fetch(`${api}/notifications/me`)).json()) as { fileId: string }[]
    expect(notified.map(({ fileId }) => fileId).toSorted()).toEqual(wanted)
  })

  it('3: each consumer sees a signup once, copies share, and one that was stopped sees it later', async () => {
    await Promise.all(
      ['email', 'analytics', 'crm'].map(async (name) =>
        deploy(name, `signup-events/${name}.js`, '--ready', 'registered', '--replicas', name === 'email' ? '2' : '1'),
      ),
    )
    const producer = (userId: number, email: string) => [
      '--',
      'node',
      'signup-events/producer.js',
      String(userId),
      email,
    ]
    const job = ['signup', '--image', image, '--pull', 'never', '--schedule', '@yearly']
    await world.panda.ok(['cronjob', 'create', ...job, ...producer(1, 'ada@example.com')])
    const heard = async (app: string, line: string): Promise<void> => {
      await waitFor(`${app} to have ${line}`, async () => (await linesOf(app, line)).length > 0, 20_000)
    }
    await world.panda.ok(['cronjob', 'run', 'signup', '--wait'])
    await heard('crm', 'made a contact of ada@example.com')
    await world.panda.ok(['app', 'stop', 'crm'])
    await world.panda.ok(['cronjob', 'run', 'signup', '--wait', ...producer(2, 'bob@example.com')])
    await heard('email', 'mailed a welcome to bob@example.com')
    await heard('analytics', 'counted the signup of 2')
    await world.panda.ok(['app', 'start', 'crm'])
    await heard('crm', 'made a contact of bob@example.com')

    expect((await linesOf('email', 'mailed a welcome')).toSorted()).toEqual([
      'mailed a welcome to ada@example.com',
      'mailed a welcome to bob@example.com',
    ])
    expect(await linesOf('analytics', 'counted')).toEqual(['counted the signup of 1', 'counted the signup of 2'])
    expect(await linesOf('crm', 'made a contact')).toEqual([
      'made a contact of ada@example.com',
      'made a contact of bob@example.com',
    ])
    // What the SDK itself keeps at the broker is no event.
    const left = async () =>
      (await vhost.queues()).filter(({ name, messages }) => name !== 'panda.registry.v1' && messages > 0)
    // A consumer says what it did before its broker hears of it.
    await waitFor('every delivery to be settled', async () => (await left()).length === 0, 20_000)
  })

  it("1: the digest's failure reaches who must know, and so does its recovery", async () => {
    await using receiver = await startWebhookReceiver()
    const channel = ['--channel', 'webhook', '--url', receiver.url, '--group-for', '0s']
    const alert = ['alert', 'create', 'oncall', '--on', 'failed,recovered', ...channel]
    const { signingSecret } = await world.panda.json<Alert & { signingSecret: string }>(alert)
    const article = ['--schedule', '0 8 * * 1', '--env', 'MAIL_API_KEY=xxx']
    const create = ['cronjob', 'create', '--name', 'weekly-digest', '--image', image, '--pull', 'never', ...article]
    await world.panda.ok([...create, '--', 'node', 'weekly-digest/digest.js'])

    const failed = await world.panda.run(['cronjob', 'run', '--name', 'weekly-digest', '--follow'])
    expect(failed.code).toBe(5)
    expect(failed.stderr).toContain('MAIL_API_KEY is refused, the mail service answered 403')
    const told = await itemOf(receiver, signingSecret, 'failed')
    expect(told).toMatchObject({ cronjob: 'weekly-digest', reason: 'exit-code', exitCode: 77 })
    expect(told.lastLines.at(-1)).toContain('API key is invalid.')
    expect(mail.mails.size).toBe(0)

    await world.panda.ok(['cronjob', 'update', 'weekly-digest', '--env', 'MAIL_API_KEY=the-right-key'])
    await world.panda.ok(['cronjob', 'run', '--name', 'weekly-digest', '--follow'])
    await itemOf(receiver, signingSecret, 'recovered')
    const { length } = await effects()
    const run = await world.panda.json<Run>(['run', 'get', 'weekly-digest'])
    expect(Object.fromEntries(mail.mails)).toEqual({
      [`weekly-digest/${new Date(run.dueAt).toISOString()}/ada@example.com`]: {
        from: 'digest@example.com',
        to: 'ada@example.com',
        subject: `Your week: ${length} new pictures`,
        text: expect.stringContaining(`${length} thumbnails for 1 people`),
      },
    })
  })
})

/** Waits for an event of an alert, its signature checked. */
async function itemOf(receiver: WebhookReceiver, secret: string, event: AlertItem['event']): Promise<AlertItem> {
  const verified = () =>
    receiver.calls.map(({ body, headers }) => {
      const signed = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value)]))
      return new Webhook(secret).verify(body, signed) as AlertPayload
    })
  const find = () =>
    verified()
      .flatMap(({ items }) => items)
      .find((item) => item.event === event)
  return waitFor(`the message that the digest has ${event}`, find, 30_000)
}
