import { type CronjobSpec, PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import { createCronjob, setSuspended } from '../../../packages/server/src/cronjobs/cronjobs.ts'
import { startRun } from '../../../packages/server/src/cronjobs/start-run.ts'
import { cancelRun } from '../../../packages/server/src/runs/cancel.ts'
import { cronjobSpec } from '../../support/cronjob-spec.ts'
import { FIVE_PERCENT_EACH, isInjected, NO_FAULTS } from './harness.ts'
import type { Random } from './random.ts'
import { NO_ENGINE_FAULTS, type ReconcilerWorld } from './reconciler-world.ts'

const SERVERS = 3
const CRONJOBS = 5
const ENGINE_FAULTS = { refused: 0.03, doneButRefused: 0.05, slow: 0.15 }
/** A process that is to die does so within so many requests and answers. */
const MAX_STEPS_TO_DEATH = 60

/** Words of the fake runtime: each ends by itself, by SIGTERM, or by the timeout. */
const PROGRAMS = [
  'exit 0',
  'exit 0 after 1s',
  'exit 0 after 4s',
  'exit 3 after 2s',
  'exit 7',
  'exit 0 after 12s',
  'exit 9 after 700ms',
  'oom after 1s',
  'forever',
  'ignore-term forever',
  'exit 5 after 6s on-term 4 bye',
  'lost after 2s',
]

function randomSpec(random: Random): CronjobSpec {
  const delay = random.pick(['1s', '3s'])
  return cronjobSpec({
    image: 'fake/image:1',
    schedule: random.pick(['*/10 * * * * *', '*/15 * * * * *', '*/30 * * * * *', '* * * * *']),
    command: random.pick(PROGRAMS).split(' '),
    concurrency: random.pick(['allow', 'forbid', 'queue', 'replace']),
    missed: random.pick(['skip', 'last', 'all']),
    deadline: random.pick([null, null, '5s', '30s']),
    jitter: random.pick(['0s', '0s', '3s']),
    timeout: random.pick(['5s', '20s']),
    grace: '2s',
    // A share of chance in the delay would be Math.random's, not the seed's.
    retry: { attempts: random.pick([1, 2, 4]), backoff: { kind: 'fixed', delay, jitter: 0 } },
  })
}

/** What may happen between two moves of the time, and how often. */
const EVENTS = {
  nothing: 30,
  death: 6,
  return: 12,
  freeze: 4,
  freezeInStart: 8,
  freezeInRecord: 8,
  thaw: 5,
  engineAway: 3,
  engineBack: 6,
  engineCrash: 2,
  cancel: 8,
  pause: 4,
  startByHand: 12,
} as const
type Event = keyof typeof EVENTS

/** Servers and cronjobs, before anything fails. */
export async function begin(world: ReconcilerWorld): Promise<void> {
  for (let n = 0; n < SERVERS; n++) await world.addServer()
  for (let n = 0; n < CRONJOBS; n++) {
    await createCronjob(world.users, world.projectId, { name: `job-${n}`, ...randomSpec(world.random) })
  }
  world.rates = FIVE_PERCENT_EACH
  world.engineRates = ENGINE_FAULTS
}

/** One event that the seed chooses, then up to three seconds. @returns what happened */
export async function playStep(world: ReconcilerWorld): Promise<Event> {
  const event = world.random.weighted(EVENTS)
  await play(world, event)
  await world.advance(world.random.int(0, 3000))
  return event
}

async function play(world: ReconcilerWorld, event: Event): Promise<void> {
  const { random, engine, users, projectId } = world
  const living = world.servers.filter(({ process }) => process.alive)
  const frozen = living.filter(({ process }) => process.frozen)
  switch (event) {
    case 'nothing':
      return
    case 'death':
      if (living.length > 0) random.pick(living).process.dieIn(random.int(1, MAX_STEPS_TO_DEATH))
      return
    case 'return':
      if (living.length < SERVERS) await world.addServer()
      return
    case 'freeze':
      if (living.length > 0) random.pick(living).process.freeze()
      return
    case 'freezeInStart':
      world.traps.push(random.pick(['start', 'start', 'started']))
      return
    case 'freezeInRecord':
      world.traps.push(random.pick(['recording', 'recording', 'recorded']))
      return
    case 'thaw':
      if (frozen.length > 0) world.thaw(random.pick(frozen))
      return
    case 'engineAway':
      engine.away = true
      return
    case 'engineBack':
      engine.away = false
      return
    case 'engineCrash':
      return world.crashEngine()
    case 'cancel':
      return cancelOne(world)
    case 'pause':
      return ask(() => setSuspended(users, projectId, cronjobOf(random), random.chance(0.5)))
    case 'startByHand':
      return ask(() => startRun(users, projectId, cronjobOf(random), { who: 'sim' }))
  }
}

function cronjobOf(random: Random): string {
  return `job-${random.int(0, CRONJOBS - 1)}`
}

async function cancelOne({ random, users, projectId }: ReconcilerWorld): Promise<void> {
  await ask(async () => {
    const { rows } = await sql<{ id: string }>`
      select id from runs where finished_at is null order by id`.execute(users)
    if (rows.length > 0) await cancelRun(users, projectId, random.pick(rows).id, 'sim')
  })
}

/** Injected faults, and refusals that a user may meet, are part of the story. */
async function ask(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const refused =
      error instanceof PandaError && ['run_active', 'run_finished', 'too_many_requests'].includes(error.code)
    if (!refused && !isInjected(error)) throw error
  }
}

/** More than the longest queue takes, milliseconds. */
const DRAIN_LIMIT_MS = 20 * 60_000

/** The faults are over and no run is to come: everything ends, and nothing is left on the engine. */
export async function drain(world: ReconcilerWorld): Promise<void> {
  world.rates = NO_FAULTS
  world.engineRates = NO_ENGINE_FAULTS
  world.engine.away = false
  for (const server of world.servers) if (server.process.frozen) world.thaw(server)
  await world.addServer()
  for (let n = 0; n < CRONJOBS; n++) await setSuspended(world.users, world.projectId, `job-${n}`, true)
  const until = world.time.now() + DRAIN_LIMIT_MS
  while (world.time.now() < until) {
    await world.advance(5000)
    const { rows } = await sql`select 1 from runs where finished_at is null limit 1`.execute(world.db)
    if (rows.length > 0 || [...world.engine.list()].length > 0) continue
    // Half way between two ticks: what was due has been recorded.
    await world.advance(10_000 - (world.time.now() % 10_000) + 4000)
    return world.tellTime()
  }
  await world.tellTime()
}
