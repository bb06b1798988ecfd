import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Listener } from '../store/listen.ts'
import type { Ledger } from './ledger.ts'
import type { RunControl } from './run-control.ts'

/** Requests are looked for so often even when no notification comes, in milliseconds. */
const POLL_MS = 2000
/** And no more often than this, however many notifications come. */
const MIN_GAP_MS = 25

export interface CancelWatchDeps {
  readonly ledger: Pick<Ledger, 'cancelRequests' | 'channel'>
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  readonly listener: Pick<Listener, 'on'>
  readonly serverId: string
  readonly find: (runId: string) => RunControl | undefined
  /** False while this server has no work that could be cancelled: then it is not asked for. */
  readonly busy: () => boolean
}

/** Hears the cancel requests for the work of this server and passes them on. */
export class CancelWatch {
  readonly #deps: CancelWatchDeps
  readonly #stopping = new AbortController()
  #wake = new AbortController()
  #unlisten: (() => void) | undefined
  #loop: Promise<void> | undefined

  constructor(deps: CancelWatchDeps) {
    this.#deps = deps
  }

  start(): Promise<void> {
    this.#unlisten ??= this.#deps.listener.on(this.#deps.ledger.channel, (runId) => {
      if (runId === '' || this.#deps.find(runId) !== undefined) this.#wake.abort()
    })
    this.#loop ??= this.#run()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake.abort()
    this.#unlisten?.()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#wake = new AbortController()
      try {
        await this.#pass()
      } catch (error) {
        log.warn({ err: error }, 'cancel requests could not be read')
      }
      await clock.sleep(MIN_GAP_MS, signal)
      if (!signal.aborted) await clock.sleep(POLL_MS, this.#wake.signal)
    }
  }

  async #pass(): Promise<void> {
    const { ledger, serverId, find, busy } = this.#deps
    if (!busy()) return
    for (const { id, fence, reason, by } of await ledger.cancelRequests(serverId)) {
      const control = find(id)
      if (control?.run.fence !== fence) continue
      control.interrupt({ kind: 'cancel', reason, by })
    }
  }
}
