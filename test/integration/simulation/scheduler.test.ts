import { describe, expect, it } from 'vitest'
import { sql } from 'kysely'
import { setSuspended } from '../../../packages/server/src/cronjobs/cronjobs.ts'
import { claimDue } from '../../../packages/server/src/scheduler/claim-due.ts'
import { checkTicks } from './check-ticks.ts'
import { NO_FAULTS, openSimulation, seedsOf, type Simulation, withSeed } from './harness.ts'
import { claim, createRandom, dispatch, finishSome, playStep, STARTS } from './scheduler-story.ts'

const STEPS = 220
const DEFAULT_SEEDS = 8

/** `forbid`, `queue` and `replace` alike: of one cronjob at most one run is active and not held. */
async function overlapping(sim: Simulation): Promise<string[]> {
  const { rows } = await sql<{ name: string; count: number }>`
    select c.name, count(*) from runs r join cronjobs c on c.id = r.cronjob_id
    where r.state in ('scheduled', 'queued', 'running', 'retrying') and not r.held
    group by c.name, c.id having count(*) > 1`.execute(sim.db)
  return rows.map((row) => `${row.name}: ${row.count} runs at once`)
}

/** Everything that is due gets its row, now that the faults are over. */
async function drainTicks(sim: Simulation): Promise<void> {
  const owner = { serverId: 'srv_last', engineId: 'engine_1', slots: 0 }
  for (let n = 0; n < 500; n++) {
    const { nextDueInMs } = await claimDue(sim.db, owner)
    if (nextDueInMs === null || nextDueInMs > 0) return
  }
  throw new Error('after 500 claims there is still something due')
}

/** With no more ticks to come, every run comes to its end. */
async function drainRuns(sim: Simulation): Promise<void> {
  const { rows } = await sql<{ name: string }>`select name from cronjobs where deleted_at is null`.execute(sim.db)
  for (const { name } of rows) await setSuspended(sim.db, sim.projectId, name, true)
  // Jitter, and clocks that were set back, let runs wait for a time to come.
  const last = await sql<{ at: Date | null }>`select max(available_at) as at from runs`.execute(sim.db)
  await sim.setClock(Math.max(sim.now(), last.rows[0]?.at?.getTime() ?? 0))
  for (const server of sim.servers) await claim(sim, server)
  await drainTicks(sim)
  const [server] = sim.servers
  if (!server) throw new Error('a simulation without servers')
  for (let n = 0; n < 400; n++) {
    await dispatch(sim, server)
    await finishSome(sim, server, 1)
    const active = await sql`select 1 from runs where finished_at is null limit 1`.execute(sim.db)
    if (active.rows.length === 0) return
  }
  const stuck = await sql`
    select c.name, c.deleted_at, r.state, r.held, r.trigger, r.due_at, r.available_at, r.cancel_reason, r.server_id
    from runs r join cronjobs c on c.id = r.cronjob_id where r.finished_at is null limit 5`.execute(sim.db)
  throw new Error(`runs are stuck: ${JSON.stringify(stuck.rows)}`)
}

async function everyTickHasItsRow(sim: Simulation): Promise<{ ticks: number }> {
  const { ticks, mistakes } = await checkTicks(sim.db)
  if (mistakes.length > 0) throw new Error(mistakes.slice(0, 10).join('\n'))
  return { ticks }
}

/** Each run that was ever started was handed to exactly one server, once. */
async function checkHandover(sim: Simulation): Promise<void> {
  const { rows } = await sql<{ id: string }>`select id from runs where attempt > 0`.execute(sim.db)
  const handed = sim.servers.flatMap((server) => server.handed)
  expect(handed.length, 'handed over twice').toBe(new Set(handed).size)
  expect([...handed].sort(), 'handed over').toEqual(rows.map((row) => row.id).sort())
}

async function tellStory(seed: number, tell: (step: string) => void): Promise<{ ticks: number }> {
  const startAt = STARTS[seed % STARTS.length] ?? 0
  await using sim = await openSimulation({ seed, startAt, rates: NO_FAULTS })
  for (let n = 0; n < 8; n++) {
    const server = sim.random.pick(sim.servers)
    await createRandom(sim, server).catch((error: unknown) => {
      if ((error as { code?: string }).code !== 'conflict') throw error
    })
  }
  sim.rates = { before: 0.05, busy: 0.05, after: 0.05 }
  for (let step = 0; step < STEPS; step++) {
    tell(`${step} ${new Date(sim.now()).toISOString()} ${await playStep(sim)}`)
    expect(await overlapping(sim)).toEqual([])
  }
  sim.rates = NO_FAULTS
  tell('drain')
  await drainTicks(sim)
  const { ticks } = await everyTickHasItsRow(sim)
  await drainRuns(sim)
  await everyTickHasItsRow(sim)
  await checkHandover(sim)
  return { ticks }
}

describe('simulation of the scheduler: several servers, store faults, clock changes and downtimes', () => {
  it.each(seedsOf(DEFAULT_SEEDS))('seed %i: every due tick has exactly one row', async (seed) => {
    await withSeed(seed, async (tell) => {
      const { ticks } = await tellStory(seed, tell)
      expect(ticks).toBeGreaterThan(0)
    })
  })
})
