import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import type { Channel } from '@pandastack/contract'
import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createAlert,
  deleteAlert,
  getAlert,
  listAlerts,
  listDeliveries,
  testAlert,
  updateAlert,
} from '../../packages/server/src/alerts/alerts.ts'
import { createSender } from '../../packages/server/src/alerts/channels/send.ts'
import { AlertDispatcher } from '../../packages/server/src/alerts/dispatcher.ts'
import { gather } from '../../packages/server/src/alerts/gather.ts'
import { noteRunEvents } from '../../packages/server/src/alerts/note-run-events.ts'
import { createOutbound } from '../../packages/server/src/alerts/outbound.ts'
import type { AlertPayload } from '../../packages/server/src/alerts/payload.ts'
import { systemClock } from '../../packages/server/src/clock.ts'
import { createLog } from '../../packages/server/src/log.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { AlertCourier } from '../support/alert-courier.ts'
import { type MigratedDatabase, migratedDatabase } from '../support/migrated-database.ts'
import { plainSealer as box } from '../support/plain-sealer.ts'
import { startMailServer } from '../support/mail-server.ts'
import { silentSender } from '../support/silent-sender.ts'
import { waitFor } from '../support/wait-for.ts'

interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

let database: MigratedDatabase
let courier: AlertCourier
const received: Received[] = []
const mails: string[] = []
let answer: { status: number; headers: Record<string, string> } = { status: 200, headers: {} }
let base = ''
let mailUrl = ''
const closers: (() => unknown)[] = []

beforeAll(async () => {
  database = await migratedDatabase()
  courier = new AlertCourier(database.url)
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({ path: request.url ?? '', headers: request.headers, body })
      response.writeHead(answer.status, answer.headers).end('not for anybody')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const smtp = await startMailServer(mails)
  mailUrl = smtp.url
  closers.push(
    () => server.close(),
    () => smtp.close(),
  )
})

afterAll(async () => {
  for (const close of closers) await close()
  await courier[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

beforeEach(async () => {
  received.length = 0
  mails.length = 0
  answer = { status: 200, headers: {} }
  await database.db.deleteFrom('alerts').execute()
  await database.db.deleteFrom('runs').execute()
  await database.db.deleteFrom('cronjobs').execute()
  await courier.clear()
})

async function cronjob(name: string): Promise<string> {
  const id = newId('cj')
  await sql`insert into cronjobs (id, project_id, name, spec, schedule, timezone, suspended, concurrency, missed, missed_limit, jitter_ms, max_attempts)
    values (${id}, ${database.projectId}, ${name}, '{}', '@daily', 'UTC', false, 'forbid', 'last', 100, 0, 1)`.execute(
    database.db,
  )
  return id
}

async function failedRun(cronjobId: string): Promise<string> {
  const id = newId('run')
  await sql`insert into runs (id, project_id, cronjob_id, revision, trigger, state, reason, message, due_at, available_at, exit_code, attempt)
    values (${id}, ${database.projectId}, ${cronjobId}, 1, 'manual', 'failed', 'exit-code', 'exited with code 3', now(), now(), 3, 1)`.execute(
    database.db,
  )
  return id
}

function create(name: string, channel: Channel, change: Record<string, unknown> = {}) {
  const spec = {
    name,
    on: ['failed' as const, 'recovered' as const],
    cronjob: null,
    app: null,
    channel,
    lateAfter: '1m',
    groupFor: '5m',
    ...change,
  }
  return createAlert(database.db, box, database.projectId, spec)
}

async function note(cronjobId: string, event: 'failed' | 'recovered' | 'missed' = 'failed'): Promise<string> {
  const runId = await failedRun(cronjobId)
  await noteRunEvents(database.db, [{ runId, projectId: database.projectId, cronjobId, event }])
  return runId
}

function senderTo(allow: string[]) {
  const mail = { url: mailUrl, from: 'panda@example.com' }
  return createSender({ outbound: createOutbound(allow), mail, now: () => Date.now() })
}

/** Sends what is due, each message once. @returns how many tries that were */
function deliver(allow: string[] = ['127.0.0.0/8']): Promise<number> {
  const sender = senderTo(allow)
  return courier.send({ db: database.db, box, sender }).finally(() => sender.close())
}

function dispatcher(lastLines: () => Promise<string[]>): AlertDispatcher {
  const sender = createSender({ outbound: createOutbound(['127.0.0.0/8']), mail: null, now: () => Date.now() })
  const listener = { on: () => () => {}, close: () => Promise.resolve() }
  const log = createLog({ logLevel: 'silent', logFormat: 'json' })
  return new AlertDispatcher({
    db: database.db,
    queue: courier.queue,
    listener,
    clock: systemClock,
    log,
    box,
    sender,
    lastLines,
    onOutcome: () => {},
  })
}

const lines = () => Promise.resolve(['last words'])
describe('alerts', () => {
  it('sends a signed webhook with cause and last lines, once', async () => {
    const { signingSecret } = await create('oncall', { kind: 'webhook', url: `${base}/hook` })
    const run = await note(await cronjob('weekly-digest'))
    expect(await gather(database.db, courier.queue, lines)).toBe(1)
    expect(await deliver()).toBe(1)
    expect(await deliver()).toBe(0)
    expect(received).toHaveLength(1)
    const [{ headers, body } = { headers: {}, body: '' }] = received
    const payload = new Webhook(signingSecret ?? '').verify(body, headers as Record<string, string>) as AlertPayload
    expect(payload.items[0]).toMatchObject({
      event: 'failed',
      run,
      cronjob: 'weekly-digest',
      reason: 'exit-code',
      exitCode: 3,
      lastLines: ['last words'],
    })
    expect(courier.outcomes).toEqual(['webhook sent'])
    expect(await listDeliveries(database.db, database.projectId, 'oncall')).toMatchObject([
      { state: 'sent', attempts: 1, events: 1 },
    ])
  })

  it('gathers what comes within the quiet time into one message', async () => {
    await create('oncall', { kind: 'slack', url: `${base}/slack` })
    const id = await cronjob('a')
    await note(id)
    await gather(database.db, courier.queue, lines)
    for (let count = 0; count < 25; count++) await note(id)
    expect(await gather(database.db, courier.queue, lines)).toBe(0)
    await sql`update alerts set quiet_until = now()`.execute(database.db)
    expect(await gather(database.db, courier.queue, lines)).toBe(1)
    await deliver()
    expect(received).toHaveLength(2)
    const group = received.find(({ body }) => body.includes('25 events'))
    expect(group?.body).toContain('… and 15 more')
  })

  it('hears only its own events, cronjob and project', async () => {
    const [mine, other] = [await cronjob('mine'), await cronjob('other')]
    await create('narrow', { kind: 'ntfy', url: `${base}/ntfy` }, { cronjob: 'mine', on: ['failed'] })
    await note(other)
    await note(mine, 'missed')
    await noteRunEvents(database.db, [
      { runId: await failedRun(mine), projectId: 'prj_foreign', cronjobId: mine, event: 'failed' },
    ])
    expect(await gather(database.db, courier.queue, lines)).toBe(0)
    await note(mine)
    expect(await gather(database.db, courier.queue, lines)).toBe(1)
  })

  it('an event noted in a transaction that is rolled back is not announced', async () => {
    await create('oncall', { kind: 'slack', url: `${base}/slack` })
    const id = await cronjob('a')
    const runId = await failedRun(id)
    const undone = database.db.transaction().execute(async (tx) => {
      await noteRunEvents(tx, [{ runId, projectId: database.projectId, cronjobId: id, event: 'failed' }])
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(await gather(database.db, courier.queue, lines)).toBe(0)
  })

  it('tries again with growing waits, keeps the id, and gives up in the end', async () => {
    await create('oncall', { kind: 'webhook', url: `${base}/hook` })
    await note(await cronjob('a'))
    await gather(database.db, courier.queue, lines)
    answer = { status: 500, headers: {} }
    for (let attempt = 1; attempt <= 10; attempt++) {
      expect(await deliver()).toBe(1)
      expect(await deliver()).toBe(0)
      await courier.makeDue()
    }
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(received).toHaveLength(10)
    expect(await listDeliveries(database.db, database.projectId, 'oncall')).toMatchObject([
      { state: 'dead', attempts: 10, lastError: 'the receiver answered 500', nextAttemptAt: null },
    ])
    expect(courier.outcomes.at(-1)).toBe('webhook dead')
    expect(await courier.counts()).toMatchObject({ queued: 0, retrying: 0, dead: 1 })
  })

  it('waits as long as the receiver asks', async () => {
    await create('oncall', { kind: 'slack', url: `${base}/slack` })
    await note(await cronjob('a'))
    await gather(database.db, courier.queue, lines)
    answer = { status: 429, headers: { 'retry-after': '900' } }
    await deliver()
    const [delivery] = await listDeliveries(database.db, database.projectId, 'oncall')
    expect(Date.parse(delivery?.nextAttemptAt ?? '') - Date.now()).toBeGreaterThan(800_000)
    expect((await courier.nextTryAt())?.getTime()).toBeGreaterThan(Date.now() + 800_000)
  })

  it('does not call a private address that is not allowed, and says why', async () => {
    await create('oncall', { kind: 'webhook', url: `${base}/hook` })
    await note(await cronjob('a'))
    await gather(database.db, courier.queue, lines)
    await deliver([])
    expect(received).toHaveLength(0)
    expect(await listDeliveries(database.db, database.projectId, 'oncall')).toMatchObject([
      { state: 'dead', attempts: 1, lastError: expect.stringContaining('PANDA_ALERT_ALLOW') as string },
    ])
  })

  it('a try that our own stop cuts short is not counted', async () => {
    await create('oncall', { kind: 'slack', url: `${base}/slack` })
    await note(await cronjob('a'))
    await gather(database.db, courier.queue, lines)
    const { sender, sending } = silentSender(senderTo([]))
    const worker = await courier.start({ db: database.db, box, sender })
    await sending
    await worker.close()
    expect(courier.outcomes).toEqual([])
    expect(await listDeliveries(database.db, database.projectId, 'oncall')).toMatchObject([
      { state: 'pending', attempts: 0, lastError: null },
    ])
    expect(await deliver()).toBe(1)
    expect(received).toHaveLength(1)
  })

  it('speaks each channel', async () => {
    await create('a', { kind: 'slack', url: `${base}/slack` })
    await create('b', { kind: 'discord', url: `${base}/discord` })
    await create('c', { kind: 'ntfy', url: `${base}/ntfy` })
    await create('d', { kind: 'email', to: ['me@example.com'] })
    const hostile = () => Promise.resolve(['``` <!channel> @everyone \u001b[31m', 'x'.repeat(5000)])
    await note(await cronjob('digest'))
    expect(await gather(database.db, courier.queue, hostile)).toBe(4)
    await deliver()
    const bodyOf = (path: string) => received.find((each) => each.path === path)?.body ?? ''
    expect((JSON.parse(bodyOf('/slack')) as { text: string }).text).toMatch(
      /^\*\[default\] digest failed: exited with code 3\*/,
    )
    expect(bodyOf('/slack')).not.toContain('<!channel>')
    const discord = JSON.parse(bodyOf('/discord')) as { content: string; allowed_mentions: unknown }
    expect(discord.content.length).toBeLessThanOrEqual(2000)
    expect(discord.content.endsWith('\n```')).toBe(true)
    expect(discord.allowed_mentions).toEqual({ parse: [] })
    expect(bodyOf('/ntfy')).toContain('panda run get run_')
    expect(mails.join()).toContain('Subject: [default] digest failed: exited with code 3')
  })

  it('a line that cannot be stored stops neither its alert nor the others', async () => {
    await create('a', { kind: 'webhook', url: `${base}/hook` })
    await create('b', { kind: 'slack', url: `${base}/slack` })
    await note(await cronjob('digest'))
    expect(
      await gather(database.db, courier.queue, () => Promise.resolve([`${'x'.repeat(499)}\u{1f43c}`, 'a\0b'])),
    ).toBe(2)
    await deliver()
    const hook = JSON.parse(received.find(({ path }) => path === '/hook')?.body ?? '') as AlertPayload
    expect(hook.items[0]?.lastLines).toEqual([`${'x'.repeat(499)}\ufffd`, 'ab'])
    expect(received).toHaveLength(2)
  })

  it('an alert that cannot be gathered holds up no other', async () => {
    await create('a', { kind: 'slack', url: `${base}/a` })
    await create('b', { kind: 'slack', url: `${base}/b` })
    await note(await cronjob('digest'))
    let calls = 0
    const lastLines = () => (calls++ === 0 ? Promise.reject(new Error('unreadable')) : Promise.resolve([]))
    await expect(dispatcher(lastLines).step()).rejects.toThrow('1 alerts could not be gathered')
    expect(await deliver()).toBe(1)
    expect(received.map(({ path }) => path)).toEqual(['/b'])
  })

  it('a receiver that says nothing holds up two messages of its own, and none of others', async () => {
    await create('noisy', { kind: 'slack', url: `${base}/noisy` })
    await create('quiet', { kind: 'slack', url: `${base}/quiet` })
    for (let count = 0; count < 10; count++) await testAlert(database.db, courier.queue, database.projectId, 'noisy')
    await expect(testAlert(database.db, courier.queue, database.projectId, 'noisy')).rejects.toMatchObject({
      code: 'too_many_requests',
    })
    await testAlert(database.db, courier.queue, database.projectId, 'quiet')
    const { sender, asked } = silentSender(senderTo(['127.0.0.0/8']), (url) => url.endsWith('/noisy'))
    const worker = await courier.start({ db: database.db, box, sender })
    await waitFor('the message of the other alert', () => received.length === 1)
    expect(received.map(({ path }) => path)).toEqual(['/quiet'])
    await worker.close()
    expect(asked.filter((url) => url.endsWith('/noisy'))).toHaveLength(2)
    expect(await deliver()).toBe(10)
  })

  it('a mail server that says nothing ends the try in time', async () => {
    await create('mail', { kind: 'email', to: ['me@example.com'] })
    await testAlert(database.db, courier.queue, database.projectId, 'mail')
    const mute = createTcpServer()
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const mail = { url: `smtp://127.0.0.1:${(mute.address() as AddressInfo).port}`, from: 'panda@example.com' }
    const sender = createSender({ outbound: createOutbound([]), mail, now: () => Date.now() })
    expect(await courier.send({ db: database.db, box, sender, tryLimitMs: 200 })).toBe(1)
    expect(courier.outcomes).toEqual(['email failed'])
    const [delivery] = await listDeliveries(database.db, database.projectId, 'mail')
    expect(delivery).toMatchObject({ state: 'pending', lastError: 'not sent within 0.2 s' })
    sender.close()
    mute.close()
  })

  it('gathers exactly once with several servers', async () => {
    await create('oncall', { kind: 'slack', url: `${base}/slack` }, { groupFor: '0s' })
    const id = await cronjob('a')
    for (let count = 0; count < 20; count++) await note(id)
    await Promise.all([1, 2, 3, 4].map(() => gather(database.db, courier.queue, lines)))
    const deliveries = await listDeliveries(database.db, database.projectId, 'oncall')
    expect(deliveries.reduce((sum, each) => sum + each.events, 0)).toBe(20)
    await Promise.all([1, 2, 3].map(() => deliver()))
    expect(received).toHaveLength(deliveries.length)
  })
})

describe('alert settings', () => {
  it('never stores or answers an address or a signing secret in the clear', async () => {
    const created = await create('oncall', { kind: 'slack', url: `${base}/services/T0/B0/hushhush` })
    expect(created.channel.target).toBe(`${base}/…`)
    const { rows } = await sql<{ row: string }>`select a::text as row from alerts a`.execute(database.db)
    expect(rows[0]?.row).not.toContain('hushhush')
    expect(JSON.stringify(await listAlerts(database.db, database.projectId))).not.toContain('hushhush')
  })

  it('refuses a name that is taken, and a cronjob that is not there', async () => {
    const channel = { kind: 'slack' as const, url: `${base}/x` }
    await create('oncall', channel)
    await expect(create('oncall', channel)).rejects.toMatchObject({ code: 'conflict' })
    await expect(create('other', channel, { cronjob: 'nope' })).rejects.toMatchObject({ code: 'not_found' })
    await expect(getAlert(database.db, 'prj_foreign', 'oncall')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('an update keeps the signing secret; a test goes out at once; a delete takes its messages with it', async () => {
    const { signingSecret } = await create('oncall', { kind: 'webhook', url: `${base}/old` })
    const channel = { kind: 'webhook' as const, url: `${base}/new` }
    const spec = { on: ['failed' as const], cronjob: null, app: null, channel, lateAfter: '1m', groupFor: '5m' }
    await updateAlert(database.db, box, database.projectId, 'oncall', spec)
    expect(await testAlert(database.db, courier.queue, database.projectId, 'oncall')).toMatchObject({
      state: 'pending',
      alert: 'oncall',
    })
    await deliver()
    expect(received[0]?.path).toBe('/new')
    expect(
      new Webhook(signingSecret ?? '').verify(received[0]?.body ?? '', received[0]?.headers as Record<string, string>),
    ).toMatchObject({ type: 'panda.alert.test' })
    await deleteAlert(database.db, database.projectId, 'oncall')
    expect(await database.db.selectFrom('alert_deliveries').selectAll().execute()).toEqual([])
  })
})
