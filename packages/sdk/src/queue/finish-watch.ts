import { pause } from './clock.ts'
import type { Clock } from './clock.ts'
import type { QueueDriver, Signal } from './driver.ts'
import type { SignalHub } from './signal-hub.ts'
import type { JobState } from './states.ts'
import { FIRST_PAUSE_MS, isAway, MAX_PAUSE_MS } from './store-call.ts'

/** How a job ended, as text of the store. */
export interface Ended {
  readonly state: JobState
  readonly value: string | null
  readonly error: string | null
  readonly reason: string | null
}

/** Who waits for the end of a job. Is called once. */
export interface Watcher {
  ended(ended: Ended): void
  /** It will never be known: the job is gone, or the store refuses to say. */
  failed(error: unknown): void
}

interface Entry {
  readonly jobs: Map<string, Set<Watcher>>
  readonly subscribed: Promise<() => void>
  /** Aborted when nobody waits any more. */
  readonly over: AbortController
  /** Of looks at all jobs; a newer one takes the place of an older. */
  looks: number
}

/** Tells who waits for the end of jobs: one subscription per queue for as long as somebody waits. */
export class FinishWatch {
  readonly #queues = new Map<string, Entry>()
  readonly #driver: Pick<QueueDriver, 'watch'>
  readonly #hub: Pick<SignalHub, 'subscribe'>
  readonly #clock: Clock

  constructor(driver: Pick<QueueDriver, 'watch'>, hub: Pick<SignalHub, 'subscribe'>, clock: Clock) {
    this.#driver = driver
    this.#hub = hub
    this.#clock = clock
  }

  /**
   * Calls once when the job has ended, also when it had before.
   * @param signal aborted while the store has not answered: the waiting ends
   * @returns stops waiting
   * @throws PandaError job_not_found, store_away
   */
  async watch(queue: string, id: string, watcher: Watcher, signal: AbortSignal): Promise<() => void> {
    const entry = this.#entry(queue)
    const watchers = entry.jobs.get(id) ?? new Set()
    entry.jobs.set(id, watchers.add(watcher))
    const stop = (): void => this.#forget(queue, id, watcher)
    signal.addEventListener('abort', stop, { once: true })
    try {
      await entry.subscribed
      const record = await this.#driver.watch(queue, id)
      if (record !== null) this.#ended(queue, id, record)
    } catch (error) {
      stop()
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
    }
    return stop
  }

  #entry(queue: string): Entry {
    let entry = this.#queues.get(queue)
    if (entry === undefined) {
      const subscribed = this.#hub.subscribe(queue, (signal) => this.#receive(queue, signal))
      entry = { jobs: new Map(), subscribed, over: new AbortController(), looks: 0 }
      this.#queues.set(queue, entry)
    }
    return entry
  }

  #receive(queue: string, signal: Signal): void {
    if (signal.kind === 'finished') this.#ended(queue, signal.id, signal)
    else if (signal.kind === 'reconnected') void this.#lookAgain(queue)
  }

  /** Signals may have been lost while the store was away: each job is asked for once more, until there is an answer. */
  async #lookAgain(queue: string): Promise<void> {
    const entry = this.#queues.get(queue)
    if (entry === undefined) return
    entry.looks += 1
    const look = entry.looks
    for (const id of entry.jobs.keys()) {
      for (let wait = FIRST_PAUSE_MS; entry.looks === look && entry.jobs.has(id); wait = nextWait(wait)) {
        if (await this.#lookAt(queue, id)) break
        await pause(this.#clock, wait, entry.over.signal)
      }
    }
  }

  /** False when the store is away (again). */
  async #lookAt(queue: string, id: string): Promise<boolean> {
    try {
      const record = await this.#driver.watch(queue, id)
      if (record !== null) this.#ended(queue, id, record)
    } catch (error) {
      if (isAway(error)) return false
      this.#tell(queue, id, (watcher) => watcher.failed(error))
    }
    return true
  }

  #ended(queue: string, id: string, ended: Ended): void {
    this.#tell(queue, id, (watcher) => watcher.ended(ended))
  }

  #tell(queue: string, id: string, tell: (watcher: Watcher) => void): void {
    for (const watcher of this.#queues.get(queue)?.jobs.get(id) ?? []) {
      this.#forget(queue, id, watcher)
      tell(watcher)
    }
  }

  #forget(queue: string, id: string, watcher: Watcher): void {
    const entry = this.#queues.get(queue)
    const watchers = entry?.jobs.get(id)
    if (entry === undefined || watchers === undefined || !watchers.delete(watcher)) return
    if (watchers.size === 0) entry.jobs.delete(id)
    if (entry.jobs.size > 0) return
    this.#queues.delete(queue)
    entry.over.abort()
    entry.subscribed.then(
      (end) => end(),
      // The failure was already told to who waited.
      () => undefined,
    )
  }
}

function nextWait(wait: number): number {
  return Math.min(2 * wait, MAX_PAUSE_MS)
}
