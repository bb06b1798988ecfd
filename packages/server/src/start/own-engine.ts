import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Log } from '../log.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import { engineId } from './engine-id.ts'

/** An engine that has never answered is asked so often, in milliseconds. */
const ASK_EVERY_MS = 2000

export interface OwnEngineDeps {
  readonly driver: RuntimeDriver
  readonly home: string
  readonly clock: Clock
  readonly log: Log
  /** Called at each question that got no answer, so that waiting runs can say why they wait. */
  readonly onAway?: () => Promise<void>
}

/**
 * The engine this server works with. One that has never answered has no id yet: a name of our own stands for it, which
 * no other server shares, and nothing may be claimed until it is known: nobody could tell later where that had run.
 */
export class OwnEngine implements Component {
  readonly name = 'engine'
  readonly #deps: OwnEngineDeps
  readonly #stopping = new AbortController()
  #id = `unknown-${randomUUID()}`
  #known = false
  #loop: Promise<void> | undefined

  constructor(deps: OwnEngineDeps) {
    this.#deps = deps
  }

  get id(): string {
    return this.#id
  }

  get known(): boolean {
    return this.#known
  }

  /** Asks once; an engine that is away, and was never there, is asked on and on behind the start. */
  async start(): Promise<void> {
    if (this.#loop !== undefined) return
    await this.#ask()
    this.#loop = this.#known ? Promise.resolve() : this.#askOn()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  async #askOn(): Promise<void> {
    const { clock, log } = this.#deps
    const { signal } = this.#stopping
    while (!this.#known) {
      await clock.sleep(ASK_EVERY_MS, signal)
      if (signal.aborted) return
      try {
        await this.#ask()
        if (!this.#known) await this.#deps.onAway?.()
      } catch (error) {
        log.error({ err: error }, 'the container engine could not be asked who it is; it is asked again')
      }
    }
    log.info(`the container engine has answered (${this.#id})`)
  }

  async #ask(): Promise<void> {
    const { driver, home, log } = this.#deps
    const id = await engineId(driver, home, this.#loop === undefined ? log : null)
    if (id === null) return
    this.#id = id
    this.#known = true
  }
}
