import { type CronjobSpec, PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import {
  createCronjob,
  deleteCronjob,
  setSuspended,
  updateCronjob,
} from '../../../packages/server/src/cronjobs/cronjobs.ts'
import { startRun } from '../../../packages/server/src/cronjobs/start-run.ts'
import { keepOwned } from '../../../packages/server/src/executor/keep-owned.ts'
import { claimReady } from '../../../packages/server/src/runs/transition/claim-ready.ts'
import { endWaiting } from '../../../packages/server/src/runs/transition/end-waiting.ts'
import { finishAttempts } from '../../../packages/server/src/runs/transition/finish-attempts.ts'
import { claimDue, ClaimInDoubt } from '../../../packages/server/src/scheduler/claim-due.ts'
import { cronjobSpec } from '../../support/cronjob-spec.ts'
import { isInjected, type SimulatedServer, type Simulation } from './harness.ts'
import type { Random } from './random.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** The evening before something happens to the clock or the calendar. */
export const STARTS = [
  '2026-03-28T22:00:00Z', // Europe springs forward
  '2026-10-24T22:00:00Z', // and falls back
  '2026-03-08T04:00:00Z', // New York
  '2026-11-01T03:00:00Z',
  '2026-10-03T12:00:00Z', // Lord Howe, by half an hour
  '2026-04-04T12:00:00Z',
  '2028-02-28T20:00:00Z', // leap day
  '2026-12-31T20:00:00Z',
].map((text) => Date.parse(text))

const SCHEDULES = [
  '* * * * *',
  '*/5 * * * *',
  '*/15 * * * *',
  '30 2 * * *',
  '0 3 * * *',
  '15,45 1-3 * * *',
  '59 23 * * *',
  '0 0 29 2 *',
  '0 0 L * *',
  '0 12 1 * 1',
  '20 */2 * * *',
  '*/30 * * * * *',
]
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Kathmandu']

function randomSpec(random: Random): CronjobSpec {
  return cronjobSpec({
    schedule: random.pick(SCHEDULES),
    timezone: random.pick(ZONES),
    concurrency: random.pick(['forbid', 'forbid', 'queue', 'replace']),
    missed: random.pick(['skip', 'last', 'all']),
    missedLimit: random.pick([1, 3, 50]),
    deadline: random.pick([null, null, '30s', '10m']),
    jitter: random.pick(['0s', '0s', '0s', '2m']),
    suspended: random.chance(0.1),
  })
}

/** What may happen next, and how often. */
const ACTIONS = {
  claim: 40,
  tick: 22,
  finish: 14,
  dispatch: 8,
  create: 4,
  update: 5,
  pause: 4,
  remove: 2,
  startByHand: 4,
  hours: 3,
  downtime: 1,
  clockBack: 2,
} as const
export type Action = keyof typeof ACTIONS

/** Plays one step that the seed chooses. @returns what was done */
export async function playStep(sim: Simulation): Promise<Action> {
  const action = sim.random.weighted(ACTIONS)
  await play(sim, action)
  return action
}

async function play(sim: Simulation, action: Action): Promise<void> {
  const { random } = sim
  const server = random.pick(sim.servers)
  switch (action) {
    case 'claim':
      return claim(sim, server)
    case 'tick':
      return sim.moveClock(random.int(1, 120) * 1000)
    case 'hours':
      return sim.moveClock(random.int(10, 360) * MINUTE)
    case 'downtime':
      return sim.moveClock(random.int(6, 40) * HOUR)
    case 'clockBack':
      return sim.moveClock(-HOUR)
    case 'finish':
      return finishSome(sim, server, 0.5)
    case 'dispatch':
      return dispatch(sim, server)
    case 'startByHand':
      return change(sim, (name) => startRun(server.db, sim.projectId, name, { who: 'sim' }))
    case 'pause':
      return change(sim, (name) => setSuspended(server.db, sim.projectId, name, random.chance(0.5)))
    case 'remove':
      return change(sim, (name) => deleteCronjob(server.db, sim.projectId, name))
    case 'create':
      return tolerate(() => createRandom(sim, server))
    case 'update': {
      const { schedule, timezone, concurrency, missed, deadline } = randomSpec(random)
      const patch = random.pick([{ schedule, timezone }, { concurrency, missed }, { deadline }])
      return change(sim, (name) => updateCronjob(server.db, sim.projectId, name, patch))
    }
  }
}

export async function createRandom(sim: Simulation, server: SimulatedServer): Promise<void> {
  const name = `job-${sim.random.int(1, 14)}`
  await createCronjob(server.db, sim.projectId, { name, ...randomSpec(sim.random) })
}

/** A claim as the scheduler makes it; what is in doubt is settled before the next one. */
export async function claim(sim: Simulation, server: SimulatedServer): Promise<void> {
  const { random } = sim
  await tolerate(async () => {
    const mine = await keepOwned(server.db, server.id, server.inDoubt)
    server.inDoubt = []
    server.handed.push(...mine)
  })
  const { id, engineId, db } = server
  const options = { serverId: id, engineId, slots: random.int(0, 4), batch: random.int(1, 12) }
  await tolerate(async () => {
    try {
      const { started } = await claimDue(db, { ...options, order: random.pick(['oldest', 'newest']) })
      server.handed.push(...started.map((run) => run.id))
    } catch (error) {
      if (error instanceof ClaimInDoubt) server.inDoubt = [...server.inDoubt, ...error.runs]
      throw error
    }
  })
}

/** Some of the running runs end; whose they are does not matter here. */
export async function finishSome(sim: Simulation, server: SimulatedServer, share: number): Promise<void> {
  const running = await sim.db
    .selectFrom('runs')
    .select(['id', 'fence', 'project_id', 'cronjob_id'])
    .where('state', '=', 'running')
    // A run that nobody has been told of cannot have ended.
    .where('id', 'not in', ['', ...sim.servers.flatMap(({ inDoubt }) => inDoubt.map((run) => run.id))])
    .orderBy('due_at')
    .orderBy('cronjob_id')
    .execute()
  const chosen = running.filter(() => sim.random.chance(share))
  if (chosen.length === 0) return
  const verdict = { outcome: 'succeeded', reason: null, message: null, exitCode: 0 } as const
  const ends = chosen.map((run) => ({
    id: run.id,
    fence: run.fence,
    projectId: run.project_id,
    cronjobId: run.cronjob_id,
    verdict,
    next: { state: 'succeeded' } as const,
    finishedAt: null,
  }))
  await tolerate(() => finishAttempts(server.db, ends))
}

/** What the executor's dispatcher does with waiting runs. Its own claims are not the scheduler's: without faults. */
export async function dispatch(sim: Simulation, server: SimulatedServer): Promise<void> {
  await endWaiting(sim.db)
  const claimed = await claimReady(sim.db, { serverId: server.id, engineId: server.engineId, limit: 5 })
  server.handed.push(...claimed.map((run) => run.id))
}

async function change(sim: Simulation, work: (name: string) => Promise<unknown>): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select name from cronjobs where deleted_at is null order by name`.execute(sim.db)
  if (rows.length === 0) return
  const { name } = sim.random.pick(rows)
  await tolerate(() => work(name))
}

/** Injected faults, and refusals that a user may meet, are part of the story. */
async function tolerate(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const refused = error instanceof PandaError && ['conflict', 'run_active', 'too_many_requests'].includes(error.code)
    if (!refused && !isInjected(error)) throw error
  }
}
