import { parseSchedule, type Schedule } from '@pandastack/sdk/schedule'

/** Parsed schedules kept, about 0.5 kB each; the least recently used one goes first. */
const DEFAULT_SIZE = 20_000

/** Parsing costs ten times a next time, and few cronjobs have a schedule of their own. */
export class ScheduleCache {
  readonly #size: number
  readonly #entries = new Map<string, Schedule>()

  constructor(size: number = DEFAULT_SIZE) {
    this.#size = size
  }

  /** @throws ScheduleError */
  get(expression: string): Schedule {
    const known = this.#entries.get(expression)
    // Moved to the end only when the cache is full: below that, order does not matter.
    if (known !== undefined && this.#entries.size < this.#size) return known
    const schedule = known ?? parseSchedule(expression)
    this.#entries.delete(expression)
    this.#entries.set(expression, schedule)
    if (this.#entries.size > this.#size) this.#dropOldest()
    return schedule
  }

  #dropOldest(): void {
    for (const key of this.#entries.keys()) {
      this.#entries.delete(key)
      return
    }
  }
}

/** For all of the process; it holds nothing but what can be parsed again. */
export const schedules = new ScheduleCache()
