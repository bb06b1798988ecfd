import type { ClaimedRun } from '../../../packages/server/src/runs/claimed-run.ts'
import type { Database } from '../../../packages/server/src/store/database.ts'
import { installDatabaseClock, setDatabaseClock } from '../../support/database-clock.ts'
import { migratedDatabase } from '../../support/migrated-database.ts'
import { type Fault, FaultyPool, faultyDatabase } from './faulty-pool.ts'
import { Random } from './random.ts'

/** Share of transactions (and of single statements) that each fault befalls. */
export interface FaultRates {
  readonly before: number
  readonly busy: number
  readonly after: number
}
export const NO_FAULTS: FaultRates = { before: 0, busy: 0, after: 0 }
export const FIVE_PERCENT_EACH: FaultRates = { before: 0.05, busy: 0.05, after: 0.05 }

/** One of several servers on the database; its statements fail by the simulation's seed. */
export interface SimulatedServer {
  readonly id: string
  readonly engineId: string
  readonly db: Database
  /** Ids of the runs that were handed to it, in order. */
  readonly handed: string[]
  /** Runs of claims whose commit is in doubt. */
  inDoubt: readonly ClaimedRun[]
}

/**
 * A real PostgreSQL with a clock that only the simulation moves, and several servers that are stepped by hand, one after
 * the other. What happens is decided by the seed alone.
 */
export interface Simulation extends AsyncDisposable {
  readonly seed: number
  readonly random: Random
  /** Without faults: for the checker and for what the simulation itself looks up. */
  readonly db: Database
  readonly projectId: string
  readonly servers: readonly SimulatedServer[]
  rates: FaultRates
  /** The database's clock, epoch ms. */
  readonly now: () => number
  /** Forward or, with a negative number, back. */
  moveClock(ms: number): Promise<void>
  setClock(at: number): Promise<void>
}

export async function openSimulation(options: {
  seed: number
  startAt: number
  servers?: number
  rates?: FaultRates
}): Promise<Simulation> {
  const { seed, startAt } = options
  const database = await migratedDatabase()
  await installDatabaseClock(database.db, startAt)
  const random = new Random(seed)
  const pools: FaultyPool[] = []
  const servers = Array.from({ length: options.servers ?? 3 }, (_, n): SimulatedServer => {
    const pool = new FaultyPool(database.url, 2)
    pools.push(pool)
    return { id: `srv_${n}`, engineId: 'engine_1', db: faultyDatabase(pool), handed: [], inDoubt: [] }
  })
  let now = startAt
  const simulation: Simulation = {
    seed,
    random,
    db: database.db,
    projectId: database.projectId,
    servers,
    rates: options.rates ?? FIVE_PERCENT_EACH,
    now: () => now,
    moveClock: (ms) => simulation.setClock(now + ms),
    async setClock(at) {
      now = at
      await setDatabaseClock(database.db, at)
    },
    async [Symbol.asyncDispose]() {
      for (const pool of pools) await pool.end()
      await database[Symbol.asyncDispose]()
    },
  }
  for (const pool of pools) pool.fault = faultsBySeed(simulation)
  return simulation
}

type FaultSource = Pick<Simulation, 'random' | 'rates'>

/** Statements of a transaction that a fault may hit; a lost answer hits its commit half of the time. */
const STATEMENTS = 9

/** Decides at each `begin` whether, where and how the transaction fails. For transactions that do not overlap. */
export function faultsBySeed(simulation: FaultSource): (query: string) => Fault {
  let inTransaction = false
  let fault: Fault = null
  let countdown: number | 'commit' = 0
  return (query) => {
    const { random } = simulation
    if (query === 'begin') {
      inTransaction = true
      fault = draw(simulation)
      countdown = fault !== null && random.chance(0.5) ? 'commit' : random.int(0, STATEMENTS)
    } else if (!inTransaction) {
      return draw(simulation)
    }
    const hit = countdown === 'commit' ? query === 'commit' : countdown-- === 0
    if (query === 'commit' || hit) inTransaction = false
    return hit ? fault : null
  }
}

function draw({ random, rates }: FaultSource): Fault {
  const value = random.unit()
  if (value < rates.before) return 'before'
  if (value < rates.before + rates.busy) return 'busy'
  return value < rates.before + rates.busy + rates.after ? 'after' : null
}

/** The errors that the faults make; everything else that is thrown is a finding. */
export function isInjected(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && (cause.code === 'ECONNRESET' || cause.code === '40001')) return true
  }
  return false
}

/** Seeds of this run: `PANDA_SEED` names one, `PANDA_SEEDS` how many; else the default number. */
export function seedsOf(defaultCount: number): number[] {
  const one = process.env['PANDA_SEED']
  if (one !== undefined && one !== '') return [Number(one)]
  const count = Number(process.env['PANDA_SEEDS'] ?? defaultCount)
  if (!Number.isInteger(count) || count < 1) throw new RangeError('PANDA_SEEDS must be a whole number from 1 on')
  return Array.from({ length: count }, (_, n) => n + 1)
}

/** Runs one seed; a failure says how to repeat it. */
export async function withSeed(seed: number, story: (tell: (step: string) => void) => Promise<void>): Promise<void> {
  const steps: string[] = []
  try {
    await story((step) => {
      steps.push(step)
      if (steps.length > 12) steps.shift()
    })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(
      `seed ${seed} failed (repeat with PANDA_SEED=${seed}): ${message}\nlast steps: ${steps.join(' | ')}`,
      {
        cause: error,
      },
    )
  }
}
