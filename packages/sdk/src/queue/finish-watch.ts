import type { QueueDriver, Signal } from './driver.ts'
import type { SignalHub } from './signal-hub.ts'
import { isFinalJobState } from './states.ts'
import type { JobState } from './states.ts'

/** How a job ended, as text of the store. */
export interface Ended {
  readonly state: JobState
  readonly value: string | null
  readonly error: string | null
  readonly reason: string | null
}

interface Watched {
  readonly resolve: Set<(ended: Ended) => void>
}

/** Tells who waits for the end of jobs: one subscription per queue for as long as somebody waits. */
export class FinishWatch {
  readonly #queues = new Map<string, { jobs: Map<string, Watched>; subscribed: Promise<() => void> }>()
  readonly #driver: QueueDriver
  readonly #hub: SignalHub

  constructor(driver: QueueDriver, hub: SignalHub) {
    this.#driver = driver
    this.#hub = hub
  }

  /**
   * Calls once when the job has ended, also when it had before.
   * @returns stops waiting
   * @throws PandaError job_not_found, store_away
   */
  async watch(queue: string, id: string, onEnd: (ended: Ended) => void): Promise<() => void> {
    const entry = this.#entry(queue)
    const watched = entry.jobs.get(id) ?? { resolve: new Set() }
    watched.resolve.add(onEnd)
    entry.jobs.set(id, watched)
    const stop = (): void => this.#forget(queue, id, onEnd)
    try {
      await entry.subscribed
      const record = await this.#driver.watch(queue, id)
      if (record !== null) this.#ended(queue, id, record)
    } catch (error) {
      stop()
      throw error
    }
    return stop
  }

  #entry(queue: string): { jobs: Map<string, Watched>; subscribed: Promise<() => void> } {
    let entry = this.#queues.get(queue)
    if (entry === undefined) {
      entry = { jobs: new Map(), subscribed: this.#hub.subscribe(queue, (signal) => this.#receive(queue, signal)) }
      this.#queues.set(queue, entry)
    }
    return entry
  }

  #receive(queue: string, signal: Signal): void {
    if (signal.kind === 'finished') this.#ended(queue, signal.id, signal)
    else if (signal.kind === 'reconnected') void this.#lookAgain(queue)
  }

  /** Signals may have been lost while the store was away: each job is asked for once more. */
  async #lookAgain(queue: string): Promise<void> {
    for (const id of this.#queues.get(queue)?.jobs.keys() ?? []) {
      try {
        const record = await this.#driver.watch(queue, id)
        if (record !== null && isFinalJobState(record.state)) this.#ended(queue, id, record)
      } catch (error) {
        process.emitWarning(`job ${id} of "${queue}" could not be watched again: ${String(error)}`, 'PandaWarning')
      }
    }
  }

  #ended(queue: string, id: string, ended: Ended): void {
    const waiting = this.#queues.get(queue)?.jobs.get(id)?.resolve ?? []
    for (const resolve of waiting) {
      this.#forget(queue, id, resolve)
      resolve(ended)
    }
  }

  #forget(queue: string, id: string, onEnd: (ended: Ended) => void): void {
    const entry = this.#queues.get(queue)
    const watched = entry?.jobs.get(id)
    if (entry === undefined || watched === undefined || !watched.resolve.delete(onEnd)) return
    if (watched.resolve.size === 0) entry.jobs.delete(id)
    if (entry.jobs.size > 0) return
    this.#queues.delete(queue)
    entry.subscribed.then(
      (end) => end(),
      // The failure was already told to who waited.
      () => undefined,
    )
  }
}
