import { PandaError } from '../../errors.ts'
import { openChannel, closeChannel } from './channels.ts'
import { replyCode, toPandaError } from './errors.ts'
import type { Link } from './link.ts'
import { wait } from './wait.ts'

const askAgainMs = 50

/**
 * One at a time in all processes: an exclusive queue, which the broker removes with the connection of its owner. In one
 * process, which has one connection, callers stand in line.
 */
export class Locks {
  readonly #link: Link
  readonly #waitMs: number
  readonly #lines = new Map<string, Promise<unknown>>()

  constructor(link: Link, waitMs: number) {
    this.#link = link
    this.#waitMs = waitMs
  }

  async hold<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#lines.get(name) ?? Promise.resolve()
    const mine = before.then(async () => this.#locked(name, work, signal))
    const quiet = mine.catch(() => undefined)
    this.#lines.set(name, quiet)
    try {
      return await mine
    } finally {
      if (this.#lines.get(name) === quiet) this.#lines.delete(name)
    }
  }

  async #locked<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const until = Date.now() + this.#waitMs
    while (!(await this.#take(name, signal))) {
      if (Date.now() > until)
        throw new PandaError('store_away', `${this.#link.address.label}: another process holds ${name} for too long.`)
      await wait(askAgainMs * (0.5 + Math.random()))
    }
    try {
      return await work()
    } finally {
      await this.#release(name)
    }
  }

  async #take(name: string, signal?: AbortSignal): Promise<boolean> {
    const connection = await this.#link.ready(signal)
    try {
      const channel = await openChannel(connection)
      try {
        await channel.assertQueue(name, { exclusive: true, durable: true })
        return true
      } finally {
        await closeChannel(channel)
      }
    } catch (error) {
      const wrapped = toPandaError(error, this.#link.address, `the lock ${name}`)
      if (replyCode(error) === 405 || wrapped.code === 'store_away') return false
      throw wrapped
    }
  }

  async #release(name: string): Promise<void> {
    const connection = this.#link.current()
    // With the connection the lock is gone as well.
    if (connection === null) return
    try {
      const channel = await openChannel(connection)
      await channel.deleteQueue(name)
      await closeChannel(channel)
    } catch {
      // Lost in this moment: as above. 405: somebody else has it already, since ours was lost in between.
    }
  }
}
