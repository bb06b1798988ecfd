import type { Reason } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { stillRunning } from '../runs/transition/fenced.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'
import type { RunControl } from './run-control.ts'

/** Requests are looked for so often even when no notification comes, in milliseconds. */
const POLL_MS = 2000
/** And no more often than this, however many notifications come. */
const MIN_GAP_MS = 25
const LIMIT = 1000

export interface CancelWatchDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  readonly listener: Pick<Listener, 'on'>
  readonly serverId: string
  readonly find: (runId: string) => RunControl | undefined
}

/** Hears the cancel requests for the runs of this server (`runs.cancel_reason`) and passes them on. */
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
    this.#unlisten ??= this.#deps.listener.on('panda_runs', (runId) => {
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
    const { rows } = await sql<{ id: string; fence: number; cancel_reason: Reason; cancel_by: string | null }>`
      select r.id, r.fence, r.cancel_reason, r.cancel_by from runs r
      where r.cancel_reason is not null and ${stillRunning} and r.server_id = ${this.#deps.serverId}
      limit ${LIMIT}`.execute(this.#deps.db)
    for (const row of rows) {
      const control = this.#deps.find(row.id)
      if (control?.run.fence !== row.fence) continue
      control.interrupt({ kind: 'cancel', reason: row.cancel_reason, by: row.cancel_by })
    }
  }
}
