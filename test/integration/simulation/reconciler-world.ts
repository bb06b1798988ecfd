import { sql } from 'kysely'
import { endOf } from '../../../packages/server/src/runtime/fake/fake-engine.ts'
import { MemoryEngine } from '../../../packages/server/src/runtime/fake/memory-engine.ts'
import type { Database } from '../../../packages/server/src/store/database.ts'
import { installDatabaseClock, setDatabaseClock } from '../../support/database-clock.ts'
import { migratedDatabase } from '../../support/migrated-database.ts'
import type { Defect } from './defects.ts'
import type { EngineRates } from './engine-view.ts'
import { FaultyPool } from './faulty-pool.ts'
import { type FaultRates, faultsBySeed, NO_FAULTS } from './harness.ts'
import { Random } from './random.ts'
import type { SimulatedMembership } from './simulated-membership.ts'
import { type Moment, SimulatedProcess } from './simulated-process.ts'
import { databaseOf, type ReconcilingServer, startServer } from './simulated-server.ts'
import { Turnstile } from './turnstile.ts'
import { VirtualTime } from './virtual-time.ts'

/** How long a server stands still in a trap: mostly until another one has taken its runs. */
const TRAPPED_MS = [8000, 30_000] as const

export const NO_ENGINE_FAULTS: EngineRates = { refused: 0, doneButRefused: 0, slow: 0 }

/**
 * Several real servers on one real PostgreSQL and one engine in memory, on a time that only the story moves. Decided by
 * the seed alone: every fault, the order of statements and transactions, when a process dies or stands still, which
 * notifications arrive. Not by the seed: the text of ids (they still sort in the order in which they were made).
 */
export interface ReconcilerWorld extends AsyncDisposable {
  readonly random: Random
  /** For the checker: not by turns, without faults. */
  readonly db: Database
  /** For what users ask for: by turns, with faults. */
  readonly users: Database
  readonly projectId: string
  readonly pool: FaultyPool
  readonly turnstile: Turnstile
  readonly time: VirtualTime
  readonly engine: MemoryEngine
  readonly servers: ReconcilingServer[]
  readonly memberships: SimulatedMembership[]
  rates: FaultRates
  engineRates: EngineRates
  /** Whoever comes to one of these moments next stands still there, for longer than its lease. */
  readonly traps: Moment[]
  readonly defect: Defect | null
  /** Which server was told that the end it recorded was accepted. */
  readonly accepted: { readonly unit: string; readonly serverId: string }[]
  /** Units whose end the engine itself has forgotten. */
  readonly forgotten: Set<string>
  crashEngine(): void
  /** A process has come to that moment. */
  reach(process: SimulatedProcess, moment: Moment): void
  addServer(): Promise<void>
  /** Brings the database's clock to the virtual time. */
  tellTime(): Promise<void>
  notify(channel: string): void
  /** Moves the time and lets everything happen that is due on the way. */
  advance(ms: number): Promise<void>
  thaw(server: ReconcilingServer): void
}

export async function openReconcilerWorld(
  seed: number,
  startAt: number,
  defect: Defect | null = null,
): Promise<ReconcilerWorld> {
  const database = await migratedDatabase()
  await installDatabaseClock(database.db, startAt)
  // What a crash of PostgreSQL would lose is not the question here, and waiting for the disk takes most of the time.
  await sql`do $$ begin execute format('alter database %I set synchronous_commit to off', current_database()); end $$`.execute(
    database.db,
  )
  const random = new Random(seed)
  const time = new VirtualTime(startAt)
  const turnstile = new Turnstile(random)
  const pool = new FaultyPool(database.url, 1)
  const engine = new MemoryEngine({ clock: time.clock })
  let told = startAt
  let born = 0
  const settled = (): Promise<void> => turnstile.settled()
  const world: Omit<ReconcilerWorld, 'users'> & { users: Database } = {
    random,
    db: database.db,
    users: database.db,
    projectId: database.projectId,
    pool,
    turnstile,
    time,
    engine,
    servers: [],
    memberships: [],
    rates: NO_FAULTS,
    engineRates: NO_ENGINE_FAULTS,
    traps: [],
    defect,
    accepted: [],
    forgotten: new Set(),
    crashEngine: () => crash(engine, world.forgotten),
    async addServer() {
      const server = await startServer(world, `srv_${++born}`)
      world.servers.push(server)
      world.memberships.push(server.membership)
    },
    async tellTime() {
      if (told === time.now()) return
      told = time.now()
      await setDatabaseClock(database.db, told)
    },
    reach: (process, moment) => trap(world, process, moment),
    notify(channel) {
      // A notification can be lost with its connection: it only saves waiting.
      for (const server of world.servers) if (random.chance(0.5)) server.wake(channel)
    },
    advance: (ms) => time.advance(ms, settled),
    thaw(server) {
      server.process.thaw()
      void turnstile.look()
    },
    async [Symbol.asyncDispose]() {
      for (const { process } of world.servers) process.die()
      await turnstile.settled()
      await pool.end()
      await database[Symbol.asyncDispose]()
    },
  }
  pool.fault = faultsBySeed(world)
  world.users = databaseOf(world, new SimulatedProcess('users'))
  return world
}

/** Stands still there if a trap is set and another server is left to take its runs. */
function trap(
  world: Pick<ReconcilerWorld, 'traps' | 'servers' | 'time' | 'random' | 'thaw'>,
  process: SimulatedProcess,
  moment: Moment,
): void {
  const set = world.traps.indexOf(moment)
  const server = world.servers.find((one) => one.process === process)
  const awake = world.servers.filter((one) => one.process.running)
  if (set === -1 || server === undefined || awake.length < 2) return
  world.traps.splice(set, 1)
  process.freeze()
  void world.time.clock.sleep(world.random.int(...TRAPPED_MS)).then(() => world.thaw(server))
}

/** The engine dies and comes back: nobody knows how what ran has ended. */
function crash(engine: MemoryEngine, forgotten: Set<string>): void {
  const now = engine.clock.now()
  for (const unit of engine.list()) {
    if (unit.startedAtMs !== null && endOf(unit) > now) forgotten.add(unit.spec.name)
  }
  engine.crash()
}
