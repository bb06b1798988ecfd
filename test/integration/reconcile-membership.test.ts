import { type KyselyPlugin, sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../packages/server/src/clock.ts'
import { CONNECTION_LEASE_MS, LEASE_MS, listOwners, listServers } from '../../packages/server/src/servers/liveness.ts'
import { Membership } from '../../packages/server/src/servers/membership.ts'
import type { Database } from '../../packages/server/src/store/database.ts'
import { RunsWorld } from '../support/runs-world.ts'
import { waitFor } from '../support/wait-for.ts'

let world: RunsWorld
beforeAll(async () => {
  world = await RunsWorld.open()
  await world.afterRestartGrace()
})
afterAll(() => world[Symbol.asyncDispose]())

function member(options: { alone?: boolean; clock?: Clock; engineId?: string } = {}): Membership {
  const { clock = systemClock, engineId = 'e', alone = false } = options
  const log = pino({ level: 'silent' })
  return new Membership({ url: world.database.url, db: world.db, clock, log, engineId, runtime: 'fake', alone })
}

const DEPS = { clock: systemClock, log: pino({ level: 'silent' }), engineId: 'e', runtime: 'fake' } as const

/** The database, with something that happens in it right after the first statement. */
function afterFirstQuery(db: Database, happens: () => Promise<void>): Database {
  let done = false
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      if (!done) {
        done = true
        await happens()
      }
      return result
    },
  }
  return db.withPlugin(plugin)
}

const aliveOf = async (id: string): Promise<boolean | undefined> =>
  (await listServers(world.db)).find((server) => server.id === id)?.alive

/** Another server's row; with `locked` its session lock is held by a connection of the test. */
async function stranger(id: string, ageMs: number, lockKey: number): Promise<void> {
  await sql`insert into servers (id, engine_id, runtime, lock_key, heartbeat_at)
    values (${id}, 'far', 'fake', ${lockKey}, panda_now() - ${ageMs} * interval '1 ms')`.execute(world.db)
}

describe('who lives', () => {
  it.each([
    ['fresh, connected', 0, true, true],
    ['fresh, not connected yet', 1000, false, true],
    ['connection gone for 2 s', 2000, false, false],
    ['silent but connected', 5000, true, true],
    ['silent longer than the lease, connection or not', LEASE_MS + 1000, true, false],
  ])('%s', async (name, ageMs, connected, alive) => {
    const key = 2 ** 40 + ageMs * 2 + Number(connected)
    const id = `srv_${name}`
    await world.db.connection().execute(async (session) => {
      if (connected) await sql`select pg_advisory_lock(${key}::bigint)`.execute(session)
      await stranger(id, ageMs, key)
      expect(await aliveOf(id)).toBe(alive)
      if (connected) await sql`select pg_advisory_unlock(${key}::bigint)`.execute(session)
    })
    await world.db.deleteFrom('servers').where('id', '=', id).execute()
  })
})

describe('a member', () => {
  it('is listed while it lives, is noticed within two seconds when it dies, and leaves without a trace', async () => {
    const [one, two] = [member(), member()]
    await one.start()
    await two.start()
    expect(await aliveOf(one.serverId)).toBe(true)
    const diedAt = Date.now()
    await two.abandon()
    await waitFor('its death to be noticed', async () => (await aliveOf(two.serverId)) === false, 4000)
    expect(Date.now() - diedAt).toBeLessThan(2000)
    await one.stop()
    await one.stop()
    expect(await aliveOf(one.serverId)).toBeUndefined()
  })

  it('lives on, with its lock, when its connection is cut', async () => {
    const one = member()
    await one.start()
    const cut = () =>
      sql<{ pid: number }>`select pid, pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'pandastack-server'`.execute(world.db)
    const before = (await cut()).rows.map((row) => row.pid)
    expect(before).toHaveLength(1)
    await waitFor('a new connection with the lock', async () => {
      const { rows } = await sql<{ pid: number }>`select l.pid from pg_locks l
        join pg_stat_activity a on a.pid = l.pid and a.datname = current_database()
        where l.locktype = 'advisory' and a.application_name = 'pandastack-server'`.execute(world.db)
      return rows.length === 1 && rows[0]?.pid !== before[0]
    })
    expect(await aliveOf(one.serverId)).toBe(true)
    await one.stop()
  })

  it('is not locked out by a connection that the database has not noticed to be gone', async () => {
    let nowMs = 1_000_000
    const clock: Clock = { now: () => nowMs++, sleep: (_ms, signal) => systemClock.sleep(10, signal) }
    const one = member({ clock })
    await one.start()
    const mine = world.db.selectFrom('servers').select('lock_key').where('id', '=', one.serverId)
    const keyOf = async () => (await mine.executeTakeFirstOrThrow()).lock_key
    const before = await keyOf()
    await world.db.connection().execute(async (session) => {
      // Waits for the lock behind the member's connection, gets it when that is cut, and holds it as that would.
      const held = sql`select pg_advisory_lock(${before}::bigint)`.execute(session)
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'pandastack-server'`.execute(world.db)
      await held
      await waitFor('a heartbeat with a key of its own', async () => (await keyOf()) !== before, 3000)
      expect(await aliveOf(one.serverId)).toBe(true)
      await sql`select pg_advisory_unlock(${before}::bigint)`.execute(session)
    })
    await one.stop()
  })

  it('tells of gaps in which it may have been called dead, and judges nobody right after', async () => {
    let nowMs = 1_000_000
    const clock: Clock = { now: () => nowMs, sleep: (_ms, signal) => systemClock.sleep(10, signal) }
    const one = member({ clock })
    let gaps = 0
    one.onGap(() => gaps++)
    await one.start()
    expect(await one.deadServers()).not.toBeNull()
    expect(one.surelyAlive()).toBe(true)
    nowMs += LEASE_MS
    expect(one.surelyAlive()).toBe(false)
    // A heartbeat under way at the jump tells of the gap too, and is as old as what it was sent after.
    await waitFor('the next heartbeat', () => gaps > 0 && one.surelyAlive())
    expect(await one.deadServers()).toBeNull()
    nowMs += 1400
    await waitFor('the one after', () => one.surelyAlive())
    nowMs += 1700
    expect(await one.deadServers()).not.toBeNull()
    await one.stop()
  })

  it('tells of its engine when that has answered for the first time', async () => {
    let engineId = 'unknown-1'
    const clock: Clock = { now: () => systemClock.now(), sleep: (_ms, signal) => systemClock.sleep(10, signal) }
    const deps = { ...DEPS, clock, url: world.database.url, db: world.db }
    const one = new Membership({
      ...deps,
      get engineId() {
        return engineId
      },
    })
    await one.start()
    engineId = 'real'
    const mine = async () => (await listServers(world.db)).find((server) => server.id === one.serverId)?.engineId
    await waitFor('its row to say so', async () => (await mine()) === 'real')
    await one.stop()
  })

  it('is sure of its runs only as long as nobody may call it dead for a broken connection', async () => {
    let nowMs = 1_000_000
    const clock: Clock = { now: () => nowMs, sleep: (_ms, signal) => systemClock.sleep(60_000, signal) }
    const one = member({ clock })
    await one.start()
    nowMs += 1000
    expect(one.surelyOurs()).toBe(true)
    nowMs += CONNECTION_LEASE_MS - 1000 - 1
    expect(one.surelyOurs()).toBe(false)
    expect(one.surelyAlive()).toBe(true)
    await one.stop()
  })

  it('finds dead owners of runs, registered or not, and the engines that are left', async () => {
    const job = await world.cronjob('exit 0')
    const owned = (server: string) => world.queue(job, { state: 'running', attempt: 1, fence: 1, server_id: server })
    const [one, two] = [member({ engineId: 'near' }), member({ engineId: 'next' })]
    await one.start()
    await two.start()
    for (const server of ['srv_gone', 'srv_gone', 'srv_dead', one.serverId, two.serverId]) await owned(server)
    await stranger('srv_dead', 60_000, 77)
    expect((await listOwners(world.db)).owners).toEqual(['srv_dead', 'srv_gone', one.serverId, two.serverId].sort())
    const judged = await one.deadServers()
    expect([...(judged?.dead ?? [])].sort()).toEqual(['srv_dead', 'srv_gone'])
    expect(judged?.engines).toEqual(new Set(['near', 'next']))
    await two.stop()
    expect((await one.deadServers())?.dead).toContain(two.serverId)
    await one.stop()
    await world.db.deleteFrom('runs').where('cronjob_id', '=', job).execute()
    await world.db.deleteFrom('servers').execute()
  })

  it('does not call one dead that joins while it looks', async () => {
    const job = await world.cronjob('exit 0')
    const one = member()
    await one.start()
    const joins = async (): Promise<void> => {
      await stranger('srv_joins', 0, 78)
      await world.queue(job, { state: 'running', attempt: 1, fence: 1, server_id: 'srv_joins' })
    }
    const db = afterFirstQuery(world.db, joins)
    const two = new Membership({ ...DEPS, url: world.database.url, db })
    await two.start()
    expect((await two.deadServers())?.dead).toEqual([])
    await two.stop()
    await one.stop()
    await world.db.deleteFrom('runs').where('cronjob_id', '=', job).execute()
    await world.db.deleteFrom('servers').execute()
  })

  it('calls everybody else dead when it has the database for itself', async () => {
    const job = await world.cronjob('exit 0')
    const former = member()
    await former.start()
    await world.queue(job, { state: 'running', attempt: 1, fence: 1, server_id: former.serverId })
    const alone = member({ alone: true })
    await alone.start()
    expect((await alone.deadServers())?.dead).toEqual([former.serverId])
    await former.stop()
    await alone.stop()
  })
})
