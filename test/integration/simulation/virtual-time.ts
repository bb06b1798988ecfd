import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../../packages/server/src/clock.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** So many turns of the event loop without a new request: what can happen without the database or the time has happened. */
const CALM_TURNS = 6
/** More wakes than this in one advance is a loop that does not sleep. */
const MAX_WAKES = 50_000

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** Lets everything happen that waits neither for the database nor for the time. */
export async function calm(): Promise<void> {
  for (let turn = 0; turn < CALM_TURNS; turn++) await nextTurn()
}

/** The time of a simulation, milliseconds since the epoch: it moves only by {@link VirtualTime.advance}. */
export class VirtualTime {
  #now: number
  /** In the order in which they fell asleep; a few per server and unit. */
  readonly #sleepers = new Set<Sleeper>()

  constructor(startAt: number) {
    this.#now = startAt
  }

  readonly now = (): number => this.#now

  /** A clock for what is no process: the engine. */
  readonly clock: Clock = { now: this.now, sleep: (ms, signal) => this.#sleep(ms, signal) }

  /** The clock of a process: one that has died or is frozen does not notice that its sleep is over. */
  clockOf(process: SimulatedProcess): Clock {
    return {
      now: this.now,
      sleep: async (ms, signal) => {
        await this.#sleep(ms, signal)
        await process.mayGoOn()
      },
    }
  }

  /** Wakes the sleepers in the order of their times; after each time `settle` is waited for. */
  async advance(ms: number, settle: () => Promise<void>): Promise<void> {
    const until = this.#now + ms
    await settle()
    for (let wakes = 0; wakes < MAX_WAKES; wakes++) {
      const next = this.#earliest()
      if (next === null || next > until) {
        this.#now = until
        return
      }
      this.#now = Math.max(this.#now, next)
      const due = [...this.#sleepers].filter((sleeper) => sleeper.at <= this.#now)
      for (const sleeper of due) sleeper.wake()
      await settle()
    }
    throw new Error(`something wakes up all the time at ${new Date(this.#now).toISOString()}`)
  }

  #earliest(): number | null {
    let earliest: number | null = null
    for (const { at } of this.#sleepers) earliest = Math.min(at, earliest ?? at)
    return earliest
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const sleeper: Sleeper = { at: this.#now + Math.max(0, Math.ceil(ms)), wake }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', wake)
    })
  }
}
