import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'
import type { Sender } from './channels/send.ts'
import { deliverDue, type DeliveryOutcome } from './deliver.ts'
import { gather, type LastLines } from './gather.ts'
import type { Sealer } from './stored-channel.ts'

export interface DispatcherDeps {
  readonly db: Database
  readonly listener: Listener
  readonly clock: Clock
  readonly log: Logger
  readonly box: Sealer
  readonly sender: Sender
  readonly lastLines: LastLines
  readonly onOutcome: (outcome: DeliveryOutcome) => void
}

/** Without a notification the outbox is looked at so often, in milliseconds; also the longest a quiet time can overrun. */
const IDLE_MS = 2000
const AFTER_ERROR_MS = 5000
/** Sent and dead messages are kept for so long, for `panda alert deliveries`. */
const KEEP_DAYS = 30
const PRUNE_EVERY_MS = 3_600_000

/** Moves alert events through the outbox. Any number of servers may run one. */
export class AlertDispatcher implements Component {
  readonly name = 'alerts'
  private readonly deps: DispatcherDeps
  private readonly stopping = new AbortController()
  private wake = new AbortController()
  private running: Promise<void> = Promise.resolve()
  private unlisten: () => void = () => {}
  private prunedAt = 0

  constructor(deps: DispatcherDeps) {
    this.deps = deps
  }

  start(): Promise<void> {
    this.unlisten = this.deps.listener.on('panda_alerts', () => this.wake.abort())
    this.running = this.loop()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.unlisten()
    this.stopping.abort()
    this.wake.abort()
    await this.running
    this.deps.sender.close()
  }

  private async loop(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.wake = new AbortController()
      let idleMs = IDLE_MS
      try {
        const done = await this.step()
        if (done > 0) continue
      } catch (error) {
        this.deps.log.error({ err: error }, 'the alerts could not be worked on; trying again')
        idleMs = AFTER_ERROR_MS
      }
      await this.deps.clock.sleep(idleMs, AbortSignal.any([this.wake.signal, this.stopping.signal]))
    }
  }

  /** One pass; tests call it by hand. @returns how much was done. */
  async step(): Promise<number> {
    // What cannot be gathered must not hold up what is in the outbox already.
    const [gathered] = await Promise.allSettled([gather(this.deps.db, this.deps.lastLines)])
    const tried = await deliverDue(this.deps, this.stopping.signal)
    await this.prune()
    if (gathered.status === 'rejected') throw gathered.reason
    return gathered.value + tried
  }

  private async prune(): Promise<void> {
    if (this.deps.clock.now() - this.prunedAt < PRUNE_EVERY_MS) return
    this.prunedAt = this.deps.clock.now()
    await sql`
      with old as (
        delete from alert_deliveries where state <> 'pending' and created_at < now() - ${KEEP_DAYS} * interval '1 day' returning id
      ) delete from alert_events where delivery_id in (select id from old)`.execute(this.deps.db)
  }
}
