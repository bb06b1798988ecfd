import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import { isAway } from '../executor/engine-patience.ts'
import type { Executor } from '../executor/executor.ts'
import type { Log } from '../log.ts'
import { noteLateRuns } from '../runs/late.ts'
import { adoptRuns } from '../runs/transition/adopt-runs.ts'
import { releaseStuck } from '../runs/transition/release-stuck.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import type { Membership } from '../servers/membership.ts'
import type { Database } from '../store/database.ts'
import { adoptFromDead, giveUpEngine, unreachableEngines } from './adopt-dead.ts'
import { type Action, diff } from './diff.ts'
import { FirstSeen } from './first-seen.ts'
import { listOwned, readKnownRuns } from './known-runs.ts'
import { type Loop, startLoop } from './loop.ts'
import { watchUnits } from './watch-units.ts'

/** Dead servers are looked for so often, milliseconds. */
const LIVENESS_EVERY_MS = 500
/** The same while no other server is registered: one that joins is seen by then, and dies later. */
const ALONE_EVERY_MS = 2000
const UNITS_EVERY_MS = 15_000
const UPKEEP_EVERY_MS = 5000
/** Networks of projects that are gone; engines have room for few (Docker: about 30). */
const NETWORKS_EVERY_MS = 3_600_000
/** A stop does not wait longer for the engine to remove them. */
const LAST_CLEAN_LIMIT_MS = 5000
/** An engine that no living server has is waited for so long. */
const ENGINE_LOST_AFTER_MS = 60_000
/** While no server is dead, runs that wait for an engine of nobody are looked for so often. */
const ENGINES_EVERY_MS = 5000
const REMOVE_GRACE_MS = 10_000

export interface ReconcilerDeps {
  readonly db: Database
  readonly driver: RuntimeDriver
  readonly executor: Executor
  /** Carries out the instances of apps, on the same engine. Default: there are none. */
  readonly instances?: Pick<Executor, 'isFollowing' | 'followsUnit' | 'following' | 'lookAgain'>
  readonly membership: Pick<Membership, 'serverId' | 'deadServers' | 'list'>
  readonly clock: Clock
  readonly log: Log
  readonly engineId: string
  readonly installation: string
}

/**
 * Brings what is and what should be together, whatever crashed on the way: adopts runs of dead servers, ends those that
 * nobody can reach, removes units that nobody needs, and takes up runs of our own that were lost sight of.
 */
export class Reconciler implements Component {
  readonly name = 'reconciler'
  readonly #deps: ReconcilerDeps
  readonly #stopping = new AbortController()
  readonly #suspects = new FirstSeen()
  readonly #engines = new FirstSeen()
  readonly #strays = new FirstSeen()
  /** Since then, runs that were taken over to be given up and not ended are looked for among our own. */
  #gaveUp = false
  #livenessMs = LIVENESS_EVERY_MS
  #lookedAtEnginesMs = Number.NEGATIVE_INFINITY
  #loops: readonly Loop[] = []
  #watching: Promise<void> = Promise.resolve()

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  /** Begins at once; resolves without waiting for the first pass. */
  start(): Promise<void> {
    if (this.#loops.length > 0) return Promise.resolve()
    const { clock, log, driver, installation, executor, instances } = this.#deps
    const shared = { clock, log, signal: this.#stopping.signal }
    const units = startLoop({
      ...shared,
      name: 'the pass over units',
      everyMs: UNITS_EVERY_MS,
      work: () => this.passUnits(),
    })
    this.#loops = [
      startLoop({ ...shared, name: 'adoption', everyMs: () => this.#livenessMs, work: () => this.passServers() }),
      startLoop({ ...shared, name: 'upkeep', everyMs: UPKEEP_EVERY_MS, work: () => this.passUpkeep() }),
      startLoop({
        ...shared,
        name: 'the removal of unused networks',
        everyMs: NETWORKS_EVERY_MS,
        work: () => this.#cleanNetworks(this.#stopping.signal),
      }),
      units,
    ]
    this.#watching = watchUnits({ ...shared, driver, installation }, (name) => {
      if (!executor.followsUnit(name) && instances?.followsUnit(name) !== true) units.wake()
    })
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([...this.#loops.map((loop) => loop.ended), this.#watching])
    // Nothing is left behind on the engine by a server that is not started again.
    await this.#cleanNetworks(AbortSignal.timeout(LAST_CLEAN_LIMIT_MS)).catch((error: unknown) =>
      this.#deps.log.debug({ err: error }, 'unused networks were left on the engine'),
    )
  }

  /** Adopts what dead servers ran; gives up what ran where nobody can look. */
  async passServers(): Promise<void> {
    const { db, membership, executor, engineId, clock, log } = this.#deps
    const judged = await membership.deadServers()
    this.#livenessMs = judged?.alone === true && judged.dead.length === 0 ? ALONE_EVERY_MS : LIVENESS_EVERY_MS
    if (judged === null) return
    const { serverId } = membership
    if (judged.dead.length > 0) {
      const adopted = await adoptFromDead(db, { serverId, engineId }, judged.dead, (runs) => executor.take(runs))
      if (adopted > 0) log.info({ runs: adopted, servers: judged.dead }, 'adopted runs of servers that are gone')
    }
    const nowMs = clock.now()
    // Of what looks like nobody's engine one may turn out to be ours.
    if (!executor.engineKnown) return
    const quiet = judged.dead.length === 0 && !this.#gaveUp
    if (quiet && nowMs - this.#lookedAtEnginesMs < ENGINES_EVERY_MS) return
    this.#lookedAtEnginesMs = nowMs
    const owners = this.#gaveUp ? [...judged.dead, serverId] : judged.dead
    this.#engines.update(await unreachableEngines(db, owners, judged.engines), nowMs)
    for (const engine of this.#engines.olderThan(ENGINE_LOST_AFTER_MS, nowMs)) {
      this.#gaveUp = true
      const runs = await giveUpEngine(db, serverId, engine, judged.dead)
      if (runs > 0) log.warn({ runs, engine }, 'gave up runs on an engine that no living server reaches')
    }
  }

  /** Compares the engine's units with the runs. An engine that is away is looked at the next time. */
  async passUnits(): Promise<void> {
    const { db, driver, executor, instances, membership, installation, clock, log } = this.#deps
    const { serverId } = membership
    const following = [...executor.following(), ...(instances?.following() ?? [])]
    const units = await driver.list(installation, this.#stopping.signal).catch((error: unknown) => {
      if (isAway(error)) return null
      throw error
    })
    if (units === null) return
    const runs = await readKnownRuns(db, [...units.map((unit) => unit.labels.run), ...following])
    const livingServers = new Set((await membership.list()).filter((server) => server.alive).map((server) => server.id))
    const nowMs = clock.now()
    const isBusy = (id: string): boolean => executor.isFollowing(id) || instances?.isFollowing(id) === true
    const seenForMs = (unit: string): number => this.#suspects.ageMs(unit, nowMs)
    const { actions, suspects } = diff({ units, runs, livingServers, self: serverId, isBusy, following, seenForMs })
    this.#suspects.update(suspects, nowMs)
    for (const action of actions) {
      if (action.kind === 'remove') log.info({ unit: action.unit, why: action.why }, 'removing a unit nobody needs')
      await this.#tryToCarryOut(action)
    }
  }

  /** Runs that wait behind nothing, runs that are late, and runs of ours that nobody follows. */
  async passUpkeep(): Promise<void> {
    const { db, log } = this.#deps
    const released = await releaseStuck(db)
    if (released > 0) log.info({ runs: released }, 'released runs that were held behind nothing')
    await noteLateRuns(db)
    await this.#takeUpStrays()
  }

  /** A claim whose answer was lost, or an attempt that broke off: ours by the database, followed by nobody. */
  async #takeUpStrays(): Promise<void> {
    const { db, executor, membership, engineId, clock, log } = this.#deps
    const { serverId } = membership
    const nowMs = clock.now()
    const strays = (await listOwned(db, serverId)).filter((id) => !executor.isFollowing(id))
    this.#strays.update(strays, nowMs)
    const ids = [...this.#strays.olderThan(UPKEEP_EVERY_MS - 1000, nowMs)].filter((id) => !executor.isFollowing(id))
    if (ids.length === 0) return
    const runs = await adoptRuns(db, { serverId, engineId, from: [serverId], ids, limit: ids.length })
    executor.take(runs)
    log.warn({ runs: runs.length }, 'took up runs of this server that nobody followed')
  }

  async #cleanNetworks(signal: AbortSignal): Promise<void> {
    const { driver, installation } = this.#deps
    try {
      await driver.cleanNetworks?.(installation, signal)
    } catch (error) {
      if (!isAway(error)) throw error
    }
  }

  /** One unit that cannot be removed must not keep the others from it; it is tried again in the next pass. */
  async #tryToCarryOut(action: Action): Promise<void> {
    try {
      await this.#carryOut(action)
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#deps.log.warn({ err: error, action }, 'a unit was not brought in line')
    }
  }

  async #carryOut(action: Action): Promise<void> {
    const { driver, executor, instances } = this.#deps
    const { signal } = this.#stopping
    if (action.kind === 'look-again') {
      executor.lookAgain(action.runId)
      instances?.lookAgain(action.runId)
      return
    }
    if (action.stop) await driver.stop(action.unit, REMOVE_GRACE_MS, signal)
    await driver.remove(action.unit, signal)
  }
}
