import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { gather } from '../../packages/server/src/alerts/gather.ts'
import type { LastLines } from '../../packages/server/src/alerts/items.ts'
import { noteRunEvents } from '../../packages/server/src/alerts/note-run-events.ts'
import type { AlertPayload } from '../../packages/server/src/alerts/payload.ts'
import { openDatabase } from '../../packages/server/src/store/database.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { AlertCourier } from '../support/alert-courier.ts'
import { RunsWorld } from '../support/runs-world.ts'

let world: RunsWorld
let cronjobId: string
let courier: AlertCourier
beforeAll(async () => {
  world = await RunsWorld.open()
  cronjobId = await world.cronjob('exit 1')
  courier = new AlertCourier(world.database.url)
})
afterAll(async () => {
  await courier[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

beforeEach(async () => {
  await world.db.deleteFrom('alerts').execute()
  await sql`insert into alerts
    (id, project_id, name, events, channel_kind, channel_target, channel, late_after_ms, group_for_ms)
    values (${newId('alt')}, ${world.database.projectId}, 'oncall', '{failed,missed}', 'slack', 'x', '', 0, 0)`.execute(
    world.db,
  )
})

async function noteFailure(): Promise<string> {
  const runId = await world.queue(cronjobId, { state: 'failed' })
  await noteRunEvents(world.db, [{ runId, projectId: world.database.projectId, cronjobId, event: 'failed' }])
  return runId
}

const noLines: LastLines = () => Promise.resolve([])

async function payloads(): Promise<AlertPayload[]> {
  const rows = await world.db.selectFrom('alert_deliveries').select('payload').orderBy('id').execute()
  return rows.map((row) => row.payload as unknown as AlertPayload)
}

describe('a crowd of events', () => {
  it('is gathered while others note more, with one connection', async () => {
    await noteFailure()
    const crowded = openDatabase(world.database.url, { poolSize: 1, statementTimeoutMs: 3000 })
    try {
      const lastLines: LastLines = async (db) => {
        // On another connection, as a claim or the end of a run does it.
        await noteFailure()
        return (await sql<{ text: string }>`select 'last words' as text`.execute(db)).rows.map(({ text }) => text)
      }
      expect(await gather(crowded, courier.queue, lastLines)).toBe(1)
    } finally {
      await crowded.destroy()
    }
    expect(await payloads()).toMatchObject([{ count: 1, items: [{ lastLines: ['last words'] }] }])
  })

  it('of missed ticks does not delay the word of what has just failed', async () => {
    await sql`insert into alert_events (alert_id, run_id, event)
      select a.id, 'run_gone', 'missed' from alerts a, generate_series(1, 3000)`.execute(world.db)
    const run = await noteFailure()
    expect(await gather(world.db, courier.queue, noLines)).toBe(1)
    const [payload] = await payloads()
    expect(payload?.count).toBe(3001)
    expect(payload?.items.at(-1)).toMatchObject({ event: 'failed', run })
  })

  it('is told once, by several servers at once', async () => {
    for (let count = 0; count < 30; count++) await noteFailure()
    await Promise.all([1, 2, 3, 4].map(() => gather(world.db, courier.queue, noLines)))
    expect((await payloads()).reduce((sum, { count }) => sum + count, 0)).toBe(30)
  })
})
