import { sql } from 'kysely'
import type { Clock } from '../../../packages/server/src/clock.ts'
import {
  CONNECTION_LEASE_MS,
  LEASE_MS,
  listOwners,
  type ServerStatus,
} from '../../../packages/server/src/servers/liveness.ts'
import { type DeadServers, HEARTBEAT_MS } from '../../../packages/server/src/servers/membership.ts'
import type { Database } from '../../../packages/server/src/store/database.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** The same margins as in membership.ts. */
const SAFETY_MS = 2000
const CONNECTION_SAFETY_MS = 200
const HUMBLE_MS = 3000

export interface MembershipDeps {
  readonly db: Database
  readonly clock: Clock
  readonly process: SimulatedProcess
  readonly engineId: string
  /** All that ever were; the last to come is the last in the list. */
  readonly all: readonly SimulatedMembership[]
  readonly onGap: () => void
}

/**
 * Who lives, by the rules of membership.ts and liveness.ts. The real one keeps a connection of its own and asks
 * PostgreSQL for locks and for the age of its process, which no virtual time reaches; here the heartbeats are numbers.
 */
export class SimulatedMembership {
  readonly serverId: string
  readonly #deps: MembershipDeps
  #lastBeatMs: number
  #lastGapMs = Number.NEGATIVE_INFINITY

  constructor(deps: MembershipDeps) {
    this.#deps = deps
    this.serverId = deps.process.id
    this.#lastBeatMs = deps.clock.now()
  }

  surelyOurs(): boolean {
    return this.#sinceBeatMs() < CONNECTION_LEASE_MS - CONNECTION_SAFETY_MS
  }

  /** As the other servers see it. */
  get alive(): boolean {
    return this.#sinceBeatMs() < (this.#deps.process.alive ? LEASE_MS : CONNECTION_LEASE_MS)
  }

  list(): Promise<ServerStatus[]> {
    const status = { engineId: this.#deps.engineId, runtime: 'fake', startedAt: new Date(0) }
    return Promise.resolve(this.#deps.all.map(({ serverId: id, alive }) => ({ id, alive, ...status })))
  }

  async deadServers(): Promise<DeadServers | null> {
    const { clock, db, all, engineId } = this.#deps
    if (this.#sinceBeatMs() >= LEASE_MS - SAFETY_MS || clock.now() - this.#lastGapMs < HUMBLE_MS) return null
    const living = new Set(all.filter((one) => one === this || one.alive).map((one) => one.serverId))
    const { owners } = await listOwners(db)
    return { dead: owners.filter((owner) => !living.has(owner)), engines: new Set([engineId]), alone: false }
  }

  /** Beats as long as the process lives; a beat that the database refuses is one that is missing. */
  async run(): Promise<never> {
    const { db, clock, onGap } = this.#deps
    for (;;) {
      await clock.sleep(HEARTBEAT_MS)
      const before = clock.now()
      const failed = await sql`select panda_now()`.execute(db).then(
        () => false,
        () => true,
      )
      if (failed) continue
      const gapMs = clock.now() - this.#lastBeatMs
      this.#lastBeatMs = before
      if (gapMs < CONNECTION_LEASE_MS) continue
      if (gapMs >= HEARTBEAT_MS + CONNECTION_LEASE_MS) this.#lastGapMs = clock.now()
      onGap()
    }
  }

  #sinceBeatMs(): number {
    return this.#deps.clock.now() - this.#lastBeatMs
  }
}
