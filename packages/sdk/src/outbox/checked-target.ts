import type { Added, NewJob, QueueDriver } from '../queue/driver.ts'
import { judgeProblems } from '../queue/store-problems.ts'
import type { OutboxTarget } from './job-lane.ts'

/** A driver that we opened ourselves. Its store is looked at, once, before the first job goes to it. */
export class CheckedTarget implements OutboxTarget {
  readonly #driver: QueueDriver
  readonly #allowUnsafe: boolean
  #checked: Promise<void> | undefined

  constructor(driver: QueueDriver, allowUnsafe: boolean) {
    this.#driver = driver
    this.#allowUnsafe = allowUnsafe
  }

  /** Tried again after a failure. @throws PandaError unsafe_store, and as `check` of the driver does */
  async check(): Promise<void> {
    this.#checked ??= this.#look()
    try {
      await this.#checked
    } catch (error) {
      this.#checked = undefined
      throw error
    }
  }

  async add(queue: string, jobs: readonly NewJob[], signal?: AbortSignal): Promise<readonly Added[]> {
    await this.check()
    return this.#driver.add(queue, jobs, signal)
  }

  close(): Promise<void> {
    return this.#driver.close()
  }

  async #look(): Promise<void> {
    judgeProblems(await this.#driver.check(), this.#allowUnsafe)
  }
}
