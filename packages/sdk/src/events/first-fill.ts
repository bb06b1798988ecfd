import { PandaError } from '../errors.ts'
import type { EventDriver, LogPosition } from './driver.ts'
import type { HandlerEntry } from './handle-delivery.ts'

/**
 * A new subscription gets what the log has, once, before its consumer starts. Whether it is new is asked before it is made,
 * so calls that are repeated after an outage go on. A process that dies in between leaves it partly filled:
 * `panda subscription replay` does it again.
 */
export class FirstFill {
  readonly #name: string
  #from: LogPosition | null = null
  #asked = false

  constructor(name: string) {
    this.#name = name
  }

  /** @throws PandaError no_log */
  async before(driver: EventDriver, entries: readonly HandlerEntry[]): Promise<void> {
    if (this.#asked) return
    const from = entries.map(({ plan }) => plan.from).find((each) => each !== null) ?? null
    if (from !== null && driver.replay === undefined)
      throw new PandaError('no_log', `"${this.#name}" cannot begin in the past: the broker keeps no event log`)
    const isNew = from !== null && !(await driver.subscriptions()).includes(this.#name)
    this.#from = isNew ? from : null
    this.#asked = true
  }

  async after(driver: EventDriver, signal: AbortSignal): Promise<void> {
    if (this.#from === null) return
    await driver.replay?.(this.#name, this.#from, signal)
    this.#from = null
  }
}
