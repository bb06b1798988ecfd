import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Executor } from '../executor/executor.ts'
import { reach } from '../fault-points.ts'
import type { Log } from '../log.ts'
import { FirstSeen } from '../reconcile/first-seen.ts'
import { type Loop, startLoop } from '../reconcile/loop.ts'
import type { Membership } from '../servers/membership.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'
import { applyPlan, surveyApps } from './apply-plan.ts'
import { adoptInstances, claimInstances, giveUpInstances } from './claim-instances.ts'
import { noteTroubles } from './note-troubles.ts'
import { instanceEngines, ownedInstances } from './owned-instances.ts'
import { Prober, type ProberDeps } from './prober.ts'
import { pruneEndedInstances, pruneInstanceLogs } from './prune-instances.ts'
import { noteSteadyInstances } from './readiness.ts'

/** Without a wake-up everything is looked at so often, milliseconds. */
const PASS_EVERY_MS = 1000
/** The same where there is no app, so that a server that has none pays nothing for them. */
const LOOK_EVERY_MS = 10_000
const SERVERS_EVERY_MS = 2000
const PRUNE_EVERY_MS = 60_000
/** An engine that no living server has is waited for so long. */
const ENGINE_LOST_AFTER_MS = 60_000
/** Ours by the database and followed by nobody for so long: a claim whose answer was lost. */
const STRAY_AFTER_MS = 4000

export interface AppControllerDeps {
  readonly db: Database
  readonly listener: Pick<Listener, 'on'>
  readonly driver: ProberDeps['driver']
  readonly loadSettings: ProberDeps['loadSettings']
  readonly executor: Pick<Executor, 'take' | 'isFollowing' | 'engineKnown'>
  readonly membership: Pick<Membership, 'serverId' | 'deadServers'>
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly engineId: string
  /** Of the log of one instance, in bytes. */
  readonly logKeepBytes: number
}

/**
 * Keeps apps as they are declared: plans what has to start and to end, and takes what this server can start. Any number
 * of servers do so side by side; an app is planned by one at a time, an instance belongs to one.
 */
export class AppController implements Component {
  readonly name = 'app controller'
  readonly #deps: AppControllerDeps
  readonly #stopping = new AbortController()
  readonly #prober: Prober
  readonly #engines = new FirstSeen()
  readonly #strays = new FirstSeen()
  #loops: readonly Loop[] = []
  #unlisten: (() => void) | undefined
  /** While there is no app and nobody told of one: when to look again. */
  #restsUntilMs = 0

  constructor(deps: AppControllerDeps) {
    this.#deps = deps
    const { db, driver, loadSettings, clock, log, membership } = deps
    this.#prober = new Prober({ db, driver, loadSettings, clock, log, serverId: membership.serverId })
  }

  start(): Promise<void> {
    if (this.#loops.length > 0) return Promise.resolve()
    const { clock, log, listener } = this.#deps
    const shared = { clock, log, signal: this.#stopping.signal }
    const apps = startLoop({
      ...shared,
      name: 'the pass over apps',
      everyMs: PASS_EVERY_MS,
      work: () => this.passApps(),
    })
    this.#loops = [
      apps,
      startLoop({
        ...shared,
        name: 'the adoption of instances',
        everyMs: SERVERS_EVERY_MS,
        work: () => this.passServers(),
      }),
      startLoop({ ...shared, name: 'the pruning of instances', everyMs: PRUNE_EVERY_MS, work: () => this.#prune() }),
    ]
    this.#unlisten = listener.on('panda_apps', () => {
      this.#restsUntilMs = 0
      apps.wake()
    })
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#unlisten?.()
    await Promise.all(this.#loops.map((loop) => loop.ended))
    await this.#prober.stop()
  }

  /** Plans until nothing changes, and takes what may start. */
  async passApps(): Promise<void> {
    const { db, membership, engineId, executor, clock } = this.#deps
    if (clock.now() < this.#restsUntilMs) return
    // Before the look: an app that is told of meanwhile is looked for at once.
    this.#restsUntilMs = clock.now() + LOOK_EVERY_MS
    if ((await noteSteadyInstances(db)) > 0) reach('instance-ready')
    await this.#prober.pass()
    const { apps, due } = await surveyApps(db)
    if (apps === 0) return
    this.#restsUntilMs = 0
    for (const id of due) {
      if (this.#stopping.signal.aborted) return
      if (await applyPlan(db, id)) reach('app-planned')
    }
    await noteTroubles(db)
    if (!executor.engineKnown || this.#stopping.signal.aborted) return
    const claimed = await claimInstances(db, { serverId: membership.serverId, engineId })
    if (claimed.length > 0) reach('instance-claimed')
    executor.take(claimed)
  }

  /** Adopts what dead servers ran and what of ours nobody follows; gives up what nobody can reach. */
  async passServers(): Promise<void> {
    const { db, membership, executor, engineId, clock, log } = this.#deps
    const { serverId } = membership
    const engines = await instanceEngines(db)
    if (engines.length === 0) return
    const judged = await membership.deadServers()
    if (judged === null) return
    const self = { serverId, engineId }
    if (judged.dead.length > 0) {
      const adopted = await adoptInstances(db, self, judged.dead)
      executor.take(adopted)
      if (adopted.length > 0) log.info({ instances: adopted.length }, 'adopted instances of servers that are gone')
    }
    const nowMs = clock.now()
    await this.#takeUpStrays(self, nowMs)
    if (!executor.engineKnown) return
    const unreachable = engines.filter((id) => !judged.engines.has(id))
    this.#engines.update(unreachable, nowMs)
    const lost = [...this.#engines.olderThan(ENGINE_LOST_AFTER_MS, nowMs)]
    if (lost.length === 0) return
    const instances = await giveUpInstances(db, lost)
    if (instances > 0) log.warn({ instances, engines: lost }, 'gave up instances that no living server reaches')
  }

  async #takeUpStrays(self: { serverId: string; engineId: string }, nowMs: number): Promise<void> {
    const { db, executor, log } = this.#deps
    const strays = (await ownedInstances(db, self.serverId)).filter((id) => !executor.isFollowing(id))
    this.#strays.update(strays, nowMs)
    const ids = [...this.#strays.olderThan(STRAY_AFTER_MS, nowMs)].filter((id) => !executor.isFollowing(id))
    if (ids.length === 0) return
    const taken = await adoptInstances(db, self, [self.serverId], ids)
    executor.take(taken)
    log.warn({ instances: taken.length }, 'took up instances of this server that nobody followed')
  }

  async #prune(): Promise<void> {
    await pruneInstanceLogs(this.#deps.db, this.#deps.logKeepBytes, null)
    await pruneEndedInstances(this.#deps.db)
  }
}
