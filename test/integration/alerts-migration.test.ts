import { type Migration, Migrator, sql } from 'kysely'
import { expect, it } from 'vitest'
import { openDatabase } from '../../packages/server/src/store/database.ts'
import { migrate } from '../../packages/server/src/store/migrate.ts'
import * as m0001 from '../../packages/server/src/store/migrations/0001-cronjobs.ts'
import * as m0002 from '../../packages/server/src/store/migrations/0002-alerts.ts'
import * as m0003 from '../../packages/server/src/store/migrations/0003-api.ts'
import * as m0004 from '../../packages/server/src/store/migrations/0004-run-indexes.ts'
import * as m0005 from '../../packages/server/src/store/migrations/0005-log-writers.ts'
import { startWebhookReceiver } from '../chaos/webhook-receiver.ts'
import { freshDatabase } from '../support/postgres.ts'
import { startTestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

const BEFORE: Record<string, Migration> = {
  '0001-cronjobs': m0001,
  '0002-alerts': m0002,
  '0003-api': m0003,
  '0004-run-indexes': m0004,
  '0005-log-writers': m0005,
}

it('a message that an older version has left unsent is sent by this one', async () => {
  await using receiver = await startWebhookReceiver()
  const database = await freshDatabase()
  const db = openDatabase(database.url)
  try {
    const { error } = await new Migrator({
      db,
      provider: { getMigrations: () => Promise.resolve(BEFORE) },
    }).migrateToLatest()
    expect(error).toBeUndefined()
    expect((await migrate(db))[0]).toBe('0006-alert-queue')
    await using server = await startTestServer({
      databaseUrl: database.url,
      config: { alertAllow: ['127.0.0.0/8'] },
    })
    const channel = { kind: 'webhook', url: receiver.url }
    await server.api.ok('POST', '/v1/alerts', { name: 'oncall', on: ['failed'], channel })
    // As the older version's row looks after the migration; the server at work finds it at its next upkeep, a new one at once.
    await server.stop()
    await sql`insert into alert_deliveries (id, alert_id, state, attempts, events, summary, payload, next_attempt_at)
      select 'dlv_left', id, 'pending', 2, 1, 'old', ${JSON.stringify({
        type: 'panda.alert.test',
        project: 'default',
        alert: 'oncall',
        at: new Date().toISOString(),
        count: 1,
        items: [],
      })}, now() from alerts`.execute(db)
    await using next = await startTestServer({ databaseUrl: database.url, config: { alertAllow: ['127.0.0.0/8'] } })
    await waitFor('the message', () => receiver.calls.length === 1)
    expect(receiver.calls[0]?.headers['webhook-id']).toBe('dlv_left')
    const [delivery] = (
      await next.api.ok<{ items: { state: string; attempts: number }[] }>('GET', '/v1/alerts/oncall/deliveries')
    ).items
    expect(delivery).toMatchObject({ attempts: 3 })
  } finally {
    await db.destroy()
    await database.drop()
  }
})
