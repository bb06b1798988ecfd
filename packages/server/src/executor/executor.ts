import type { Component } from '../component.ts'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { RunTransitions } from '../runs/transition.ts'
import { runOfUnit } from '../runtime/driver.ts'
import { coalesce } from '../store/coalesce.ts'
import { retryTransient } from '../store/transient.ts'
import type { AttemptContext } from './attempt-context.ts'
import { runAttempt } from './attempt.ts'
import { CancelWatch } from './cancel-watch.ts'
import { EnginePatience } from './engine-patience.ts'
import { type Ledger, runLedger } from './ledger.ts'
import type { ExecutorDeps } from './ports.ts'
import type { Preparation } from './prepare.ts'
import { RunControl } from './run-control.ts'
import { SharedImages } from './shared-images.ts'
import { StartsFirst } from './starts-first.ts'

export const DEFAULT_MAX_RUNS = 16
/** Adopted runs come on top of the slots; more than these followed at once is a bug. */
const MAX_FOLLOWED = 1_000_000
/** Runs prepared by one query. */
const PREPARE_BATCH = 1000
const NO_DATABASES = 'this server makes no databases for projects'
/** How long a stop waits for attempts that are between two steps, beyond the longest grace of a runtime that dies with us. */
const STOP_LIMIT_MS = 15_000

/**
 * Carries out attempts: whatever is handed in by {@link take} is followed until its end is recorded, it is found to
 * belong to another server, or this server stops. A stop leaves the units running: other servers, or the next start of
 * this one, adopt them. Only where units cannot outlive us (`survivesServer` false) they are stopped and end `lost`.
 */
export class Executor implements Component {
  readonly name: string
  readonly #deps: ExecutorDeps
  readonly #active = new Map<string, RunControl>()
  readonly #cancels: CancelWatch
  readonly #context: AttemptContext
  readonly #ledger: Ledger
  readonly #transitions: RunTransitions
  readonly #giveUp = new AbortController()
  readonly #freed = new Set<() => void>()
  #reserved = 0
  #stopping = false

  constructor(deps: ExecutorDeps) {
    this.#deps = deps
    this.name = deps.name ?? 'executor'
    const { db, clock, log, listener, serverId, installation, driver, collectLogs } = deps
    const signal = this.#giveUp.signal
    this.#ledger = deps.ledger ?? runLedger(db, deps.loadSettings)
    this.#transitions = this.#ledger.transitions({ clock, log, maxPending: MAX_FOLLOWED, signal })
    const prepare = coalesce<ClaimedRun, Preparation>({
      maxBatch: PREPARE_BATCH,
      maxPending: MAX_FOLLOWED,
      run: (runs) => retryTransient(() => this.#ledger.prepare(runs), { clock, signal }),
    })
    this.#context = {
      driver,
      prepare,
      startsFirst: new StartsFirst(clock, () => this.#reserved > 0),
      images: new SharedImages(driver),
      collectLogs,
      reachDatabase: deps.reachDatabase ?? (() => Promise.resolve({ why: NO_DATABASES })),
      clock,
      log,
      installation,
      patience: new EnginePatience(clock, log),
      transitions: this.#transitions,
      surelyOurs: deps.surelyOurs ?? (() => true),
      onEnded: deps.onEnded ?? (() => undefined),
      hold: (hold) => retryTransient(async () => (await this.#ledger.hold?.(hold)) ?? 'go', { clock, signal }),
    }
    this.#cancels = new CancelWatch({
      ledger: this.#ledger,
      clock,
      log,
      listener,
      serverId,
      find: (id) => this.#active.get(id),
      busy: () => this.#active.size > 0,
    })
  }

  async start(): Promise<void> {
    await this.#cancels.start()
  }

  /** Runs that may still be taken. */
  freeSlots(): number {
    if (this.#stopping || !this.engineKnown) return 0
    return Math.max(0, this.#maxRuns - this.#active.size - this.#reserved)
  }

  /** Runs that are followed right now. */
  get activeRuns(): number {
    return this.#active.size
  }

  /** False while the engine has never answered, so that nobody can tell which one it is. */
  get engineKnown(): boolean {
    return this.#deps.engineKnown?.() ?? true
  }

  /** True while the engine gives no answer to attempts. */
  get engineAway(): boolean {
    return this.#context.patience.away
  }

  /** Keeps free slots for a claim under way. @returns how many, and what gives them back */
  reserve(wanted: number): { readonly slots: number; release(): void } {
    const slots = Math.min(wanted, this.freeSlots())
    this.#reserved += slots
    let held = slots
    return {
      slots,
      release: () => {
        this.#reserved -= held
        held = 0
      },
    }
  }

  /** Calls the handler whenever a slot is free again. @returns a function that ends it */
  onFreed(handler: () => void): () => void {
    this.#freed.add(handler)
    return () => this.#freed.delete(handler)
  }

  /** Follows these runs from now on; a newer fence replaces an attempt that is followed with an older one. */
  take(runs: readonly ClaimedRun[]): void {
    if (this.#stopping) return // they stay `running` and ours: whoever comes next adopts them
    const taken: RunControl[] = []
    for (const run of runs) {
      const former = this.#active.get(run.id)
      if (former !== undefined && former.run.fence >= run.fence) continue
      former?.drop()
      const control = new RunControl(run)
      this.#active.set(run.id, control)
      taken.push(control)
    }
    this.#context.startsFirst.took(taken.length)
    for (const control of taken) void runAttempt(this.#context, control).then(() => this.#leave(control))
  }

  isFollowing(runId: string): boolean {
    return this.#active.has(runId)
  }

  followsUnit(unit: string): boolean {
    const id = runOfUnit(unit)
    return id !== null && this.#active.has(id)
  }

  /** Ids of runs whose unit was started and not yet seen to have ended. */
  *following(): Iterable<string> {
    for (const [id, control] of this.#active) if (control.following) yield id
  }

  /** Its unit is said to be gone: it is looked at. */
  lookAgain(runId: string): void {
    this.#active.get(runId)?.lookAgain()
  }

  /** Lets go of every run that the database does not call ours any more. Called when we may have been taken for dead. */
  async verifyFences(): Promise<number> {
    const { log, serverId } = this.#deps
    const followed = [...this.#active.values()]
    const runs = followed.map((control) => control.run)
    const retry = { clock: this.#deps.clock, signal: this.#giveUp.signal }
    const owned = await retryTransient(() => this.#ledger.owned(serverId, runs), retry)
    const stale = followed.filter((control) => !owned.has(control.run.id))
    for (const control of stale) control.drop()
    if (stale.length > 0) log.warn({ runs: stale.length }, 'other servers have taken over runs of this one')
    return stale.length
  }

  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#context.startsFirst.open()
    await this.#cancels.stop()
    const { clock, driver, log } = this.#deps
    for (const control of this.#active.values()) {
      if (driver.capabilities.survivesServer) control.drop()
      else control.interrupt({ kind: 'server-stop' })
    }
    const patience = new AbortController()
    const limit = clock.sleep(this.#deps.stopLimitMs ?? STOP_LIMIT_MS, patience.signal)
    await Promise.race([this.#emptied(), limit])
    patience.abort()
    if (this.#active.size > 0)
      log.warn({ runs: this.#active.size }, 'stopped in the middle of runs; they are adopted later')
    for (const control of this.#active.values()) control.drop()
    this.#giveUp.abort()
    const { phase, started, requeued, finished } = this.#transitions
    await Promise.all([phase.idle(), started.idle(), requeued.idle(), finished.idle()])
  }

  get #maxRuns(): number {
    return this.#deps.maxRuns ?? DEFAULT_MAX_RUNS
  }

  #leave(control: RunControl): void {
    if (this.#active.get(control.run.id) === control) this.#active.delete(control.run.id)
    for (const handler of this.#freed) handler()
  }

  #emptied(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const off = this.onFreed(() => {
        if (this.#active.size > 0) return
        off()
        resolve()
      })
    })
  }
}
