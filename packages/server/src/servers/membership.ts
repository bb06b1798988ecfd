import { randomInt } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Log } from '../log.ts'
import type { Database, Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { CONNECTION_LEASE_MS, LEASE_MS, listOwners, listServers, type ServerStatus } from './liveness.ts'
import { OwnConnection } from './own-connection.ts'

export const HEARTBEAT_MS = 1000
/** Between the last heartbeat and the moment when we would be called dead, this much is kept as a margin. */
const SAFETY_MS = 2000
/** The same for the moment from which others may call us dead because our connection is gone, as they see it. */
const CONNECTION_SAFETY_MS = 200
/** For so long after a gap in our own heartbeat we judge nobody else: the database may have been away for all. */
const HUMBLE_MS = 3000
const PRUNE_EVERY_MS = 3_600_000
const PRUNE_AFTER = '1 day'

export interface MembershipDeps {
  readonly url: string
  readonly db: Database
  readonly clock: Clock
  readonly log: Pick<Log, 'warn' | 'info' | 'debug'>
  /** May change once, when the engine answers for the first time. */
  readonly engineId: string
  readonly runtime: string
  /** True when no other server can have this database (the embedded one): then whoever else is registered is dead. */
  readonly alone?: boolean
}

export interface DeadServers {
  /** Owners of running runs that are dead, or have left. */
  readonly dead: readonly string[]
  /** Engines of living servers, ours too. */
  readonly engines: ReadonlySet<string>
  /** True when no other server is registered, living or not: then nobody can die from one look to the next. */
  readonly alone: boolean
}

/**
 * This server among the others: a row with a heartbeat each second, and a session lock on a connection of its own that
 * ends with the process. Who is dead, see liveness.ts.
 */
export class Membership implements Component {
  readonly name = 'membership'
  readonly serverId = newId('srv')
  readonly #deps: MembershipDeps
  #lockKey = 0
  readonly #connection: OwnConnection
  readonly #stopping = new AbortController()
  readonly #gapHandlers = new Set<() => void>()
  #loop: Promise<void> | undefined
  #lastBeatMs = Number.NEGATIVE_INFINITY
  #lastGapMs = Number.NEGATIVE_INFINITY
  #nextPruneMs: number

  constructor(deps: MembershipDeps) {
    this.#deps = deps
    this.#nextPruneMs = deps.clock.now() + PRUNE_EVERY_MS
    this.#connection = new OwnConnection(deps.url, async (client) => {
      // A new one each time: the database may hold the lock of a connection that broke for many minutes.
      this.#lockKey = randomInt(1, 2 ** 47)
      await client.query('select pg_advisory_lock($1::bigint)', [this.#lockKey])
    })
  }

  /** Registers. @throws when the database cannot be reached. */
  async start(): Promise<void> {
    if (this.#loop !== undefined) return
    await this.#beat()
    this.#loop = this.#run()
  }

  /** Leaves: other servers take over the runs of this one at once. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#stopping.abort()
    await this.#loop
    try {
      await this.#connection.query('delete from servers where id = $1', () => [this.serverId])
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'this server could not sign off; the others notice by its heartbeat')
    }
    await this.#connection.close()
  }

  /** Ends without a word, as a crash would: the others find out by themselves. */
  async abandon(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    await this.#connection.close()
  }

  /** False when the last heartbeat is so old that we know nothing of the others, nor they of us. */
  surelyAlive(): boolean {
    return this.#sinceBeatMs() < LEASE_MS - SAFETY_MS
  }

  /**
   * False when others may have taken our runs, or are about to: the short lease counts, since we cannot know whether
   * they still see our connection. Whoever needs to be sure then asks the database.
   */
  surelyOurs(): boolean {
    return this.#sinceBeatMs() < CONNECTION_LEASE_MS - CONNECTION_SAFETY_MS
  }

  /** Calls the handler after each gap in which others may have called us dead. @returns a function that ends it */
  onGap(handler: () => void): () => void {
    this.#gapHandlers.add(handler)
    return () => this.#gapHandlers.delete(handler)
  }

  list(db: Queryable = this.#deps.db): Promise<ServerStatus[]> {
    return listServers(db)
  }

  /** null = nobody can be judged right now. */
  async deadServers(): Promise<DeadServers | null> {
    const { clock, db, alone, engineId } = this.#deps
    if (!this.surelyAlive() || clock.now() - this.#lastGapMs < HUMBLE_MS) return null
    const { owners, servers } = await listOwners(db)
    const living = servers.filter((server) => server.id === this.serverId || (server.alive && alone !== true))
    const ids = new Set([this.serverId, ...living.map((server) => server.id)])
    return {
      dead: owners.filter((owner) => !ids.has(owner)),
      engines: new Set([engineId, ...living.map((server) => server.engineId)]),
      alone: alone === true || servers.every((server) => server.id === this.serverId),
    }
  }

  #sinceBeatMs(): number {
    return this.#deps.clock.now() - this.#lastBeatMs
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps
    const { signal } = this.#stopping
    for (;;) {
      await clock.sleep(HEARTBEAT_MS, signal)
      if (signal.aborted) return
      try {
        await this.#beat()
        await this.#prune()
      } catch (error) {
        log.warn({ err: error }, 'the heartbeat could not be written')
      }
    }
  }

  async #beat(): Promise<void> {
    const { clock, engineId, runtime } = this.#deps
    const before = clock.now()
    await this.#connection.query(
      `insert into servers (id, engine_id, runtime, lock_key, started_at, heartbeat_at)
       values ($1, $2, $3, $4, panda_now(), panda_now())
       on conflict (id) do update set heartbeat_at = excluded.heartbeat_at, lock_key = excluded.lock_key,
         engine_id = excluded.engine_id`,
      () => [this.serverId, engineId, runtime, this.#lockKey],
    )
    const gapMs = clock.now() - this.#lastBeatMs
    // The time before the call: it may have been written any time since.
    this.#lastBeatMs = before
    if (gapMs === Number.POSITIVE_INFINITY || gapMs < CONNECTION_LEASE_MS) return
    if (gapMs >= HEARTBEAT_MS + CONNECTION_LEASE_MS) this.#lastGapMs = clock.now()
    for (const handler of this.#gapHandlers) handler()
  }

  async #prune(): Promise<void> {
    const nowMs = this.#deps.clock.now()
    if (nowMs < this.#nextPruneMs) return
    this.#nextPruneMs = nowMs + PRUNE_EVERY_MS
    await this.#connection.query(
      `delete from servers where heartbeat_at < panda_now() - interval '${PRUNE_AFTER}' and id <> $1`,
      () => [this.serverId],
    )
  }
}
