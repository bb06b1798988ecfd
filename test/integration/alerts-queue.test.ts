import { QueueAdmin } from '@pandastack/sdk/queue'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import type { QueueDriver } from '../../packages/sdk/src/queue/driver.ts'
import { SERVER_SCHEMA } from '../../packages/server/src/alerts/alert-queue.ts'
import { createAlert, deleteAlert, listDeliveries, testAlert } from '../../packages/server/src/alerts/alerts.ts'
import { createSender } from '../../packages/server/src/alerts/channels/send.ts'
import { AlertDispatcher } from '../../packages/server/src/alerts/dispatcher.ts'
import { createOutbound } from '../../packages/server/src/alerts/outbound.ts'
import { storeMessage } from '../../packages/server/src/alerts/store-message.ts'
import { systemClock } from '../../packages/server/src/clock.ts'
import { type ReceivedCall, startWebhookReceiver, type WebhookReceiver } from '../chaos/webhook-receiver.ts'
import { AlertCourier } from '../support/alert-courier.ts'
import { type MigratedDatabase, migratedDatabase } from '../support/migrated-database.ts'
import { plainSealer as box } from '../support/plain-sealer.ts'
import { keepNothing } from '../support/postgres-queue.ts'
import { waitFor } from '../support/wait-for.ts'

/** How messages travel: by the server's own queue, beside their record. */

const QUEUE = 'alerts'
/** Of the workers that die here. */
const SHORT_LEASE_MS = 200

let database: MigratedDatabase
let courier: AlertCourier
let driver: QueueDriver
let receiver: WebhookReceiver
const sender = createSender({ outbound: createOutbound(['127.0.0.0/8']), mail: null, now: () => Date.now() })

beforeAll(async () => {
  database = await migratedDatabase()
  courier = new AlertCourier(database.url)
  driver = openPostgresQueueDriver({ url: database.url, schema: SERVER_SCHEMA })
  receiver = await startWebhookReceiver()
})
afterAll(async () => {
  sender.close()
  await receiver[Symbol.asyncDispose]()
  await driver.close()
  await courier[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await database.db.deleteFrom('alerts').execute()
  await courier.clear()
})

const send = () => courier.send({ db: database.db, box, sender })
const test = (name = 'oncall') => testAlert(database.db, courier.queue, database.projectId, name)
const deliveries = (name = 'oncall') => listDeliveries(database.db, database.projectId, name)
const idOf = ({ headers }: ReceivedCall) => String(headers['webhook-id'])

async function create(name = 'oncall'): Promise<string> {
  const alert = await createAlert(database.db, box, database.projectId, {
    name,
    on: ['failed'],
    cronjob: null,
    app: null,
    channel: { kind: 'webhook', url: receiver.url },
    lateAfter: '1m',
    groupFor: '5m',
  })
  return alert.id
}

/** As a server that is killed in the middle of a try: it has the message, and is never heard of again. */
async function takeAndDie(worker: string): Promise<void> {
  await driver.renew({ id: worker, about: '{}' }, [QUEUE], SHORT_LEASE_MS)
  const { jobs } = await driver.exchange(QUEUE, worker, { results: [], want: 1, keep: keepNothing })
  expect(jobs).toHaveLength(1)
}

const untilTakenBack = () =>
  waitFor('the job to be taken back', async () => {
    const { recovered } = await driver.maintain(QUEUE)
    return recovered > 0
  })

function dispatcher(): AlertDispatcher {
  return new AlertDispatcher({
    db: database.db,
    queue: courier.queue,
    listener: { on: () => () => {}, close: () => Promise.resolve() },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    box,
    sender,
    lastLines: () => Promise.resolve([]),
    onOutcome: () => {},
  })
}

describe('a message and its job', () => {
  it('are stored together or not at all', async () => {
    const alertId = await create()
    const payload = { type: 'panda.alert' as const, project: 'default', alert: 'oncall', at: '', count: 1, items: [] }
    const undone = database.db.transaction().execute(async (tx) => {
      await storeMessage(tx, courier.queue, { id: 'dlv_undone', alertId, payload })
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(await courier.counts()).toMatchObject({ queued: 0, scheduled: 0 })
    expect(await deliveries()).toEqual([])
  })

  it('are kept apart from the queues of users in the same database', async () => {
    await create()
    await test()
    const users = new QueueAdmin({ url: database.url, allowUnsafeStore: true })
    expect(await users.list()).toEqual([])
    await users.close()
    expect(await courier.counts()).toMatchObject({ queued: 1 })
  })

  it('end when their alert is deleted', async () => {
    await create()
    await test()
    await deleteAlert(database.db, database.projectId, 'oncall')
    expect(await send()).toBe(0)
    expect(await courier.counts()).toMatchObject({ queued: 0, running: 0, retrying: 0, dead: 0 })
  })
})

describe('a server that dies', () => {
  it('in the middle of a try leaves the message to another one, under the same id', async () => {
    await create()
    const { id } = await test()
    await takeAndDie('killed')
    expect(await send()).toBe(1)
    expect(receiver.calls.map(idOf).filter((each) => each === id)).toEqual([id])
    expect(await deliveries()).toMatchObject([{ id, state: 'sent', attempts: 1 }])
  })

  it('after the record says that it was sent does not have it sent twice', async () => {
    await create()
    const { id } = await test()
    await takeAndDie('killed after the record')
    await sql`update alert_deliveries set state = 'sent', sent_at = now(), attempts = 1 where id = ${id}`.execute(
      database.db,
    )
    expect(await send()).toBe(0)
    expect(receiver.calls.map(idOf)).not.toContain(id)
    expect(await courier.counts()).toMatchObject({ queued: 0, running: 0 })
  })

  it('three times with the same message makes it dead, on its record too', async () => {
    await create()
    const { id } = await test()
    for (const worker of ['first', 'second']) {
      await takeAndDie(worker)
      await untilTakenBack()
    }
    await takeAndDie('third')
    await waitFor('the job to be dead', async () => {
      await driver.maintain(QUEUE)
      return (await courier.counts()).dead === 1
    })
    expect(await deliveries()).toMatchObject([{ id, state: 'pending' }])
    await dispatcher().step()
    expect(await deliveries()).toMatchObject([
      { id, state: 'dead', lastError: 'the server died each time it was sent', nextAttemptAt: null },
    ])
    expect(await courier.counts()).toMatchObject({ dead: 0 })
  })
})

describe('messages of before the queue', () => {
  it('are sent on their way by the first server, with their tries and at their time', async () => {
    const alertId = await create()
    const insert = (id: string, attempts: number, nextAttempt: string) =>
      sql`
      insert into alert_deliveries (id, alert_id, state, attempts, events, summary, payload, next_attempt_at)
      values (${id}, ${alertId}, 'pending', ${attempts}, 1, 'old', ${JSON.stringify({
        type: 'panda.alert.test',
        project: 'default',
        alert: 'oncall',
        at: new Date().toISOString(),
        count: 1,
        items: [],
      })}, now() + ${nextAttempt}::interval)`.execute(database.db)
    await insert('dlv_old_due', 9, '-1 minute')
    await insert('dlv_old_later', 3, '1 hour')
    await dispatcher().step()
    await dispatcher().step()
    expect(await courier.counts()).toMatchObject({ queued: 1, scheduled: 1 })
    receiver.refuse(1)
    expect(await send()).toBe(1)
    const [due, later] = (await deliveries()).toSorted((a, b) => a.id.localeCompare(b.id))
    expect(due).toMatchObject({ id: 'dlv_old_due', state: 'dead', attempts: 10 })
    expect(later).toMatchObject({ id: 'dlv_old_later', state: 'pending', attempts: 3 })
    await courier.makeDue()
    expect(await send()).toBe(1)
    expect((await deliveries()).find(({ id }) => id === 'dlv_old_later')).toMatchObject({ state: 'sent', attempts: 4 })
  })
})
