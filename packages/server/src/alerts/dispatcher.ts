import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Listener } from '../store/listen.ts'
import type { AlertQueue } from './alert-queue.ts'
import { deliver, type DeliverDeps } from './deliver.ts'
import { gather } from './gather.ts'
import type { LastLines } from './items.ts'
import { adoptWaiting, buryDead, prune } from './upkeep.ts'

export interface DispatcherDeps extends DeliverDeps {
  readonly queue: AlertQueue
  readonly listener: Listener
  readonly clock: Clock
  readonly log: Logger
  readonly lastLines: LastLines
}

/** Without a notification it is looked for events so often, in milliseconds; also the longest a quiet time can overrun. */
const IDLE_MS = 2000
const AFTER_ERROR_MS = 5000
const UPKEEP_EVERY_MS = 60_000
const PRUNE_EVERY_MS = 3_600_000

/** Makes messages of the events of the alerts, and sends them by the server's own queue. Any number of servers may run one. */
export class AlertDispatcher implements Component {
  readonly name = 'alerts'
  private readonly deps: DispatcherDeps
  private readonly stopping = new AbortController()
  private wake = new AbortController()
  private running: Promise<void> = Promise.resolve()
  private unlisten: () => void = () => {}
  private readonly due = new Map<string, number>()
  private troubled = false

  constructor(deps: DispatcherDeps) {
    this.deps = deps
  }

  /** @throws PandaError of the SDK when the queue cannot be used */
  async start(): Promise<void> {
    await this.deps.queue.work({
      deliver: async (job) => {
        this.troubled = false
        await deliver(this.deps, job)
      },
      onError: (error) => this.complain(error),
    })
    this.unlisten = this.deps.listener.on('panda_alerts', () => this.wake.abort())
    this.running = this.loop()
  }

  async stop(): Promise<void> {
    this.unlisten()
    this.stopping.abort()
    this.wake.abort()
    await this.running
    await this.deps.queue.close()
    this.deps.sender.close()
  }

  private async loop(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.wake = new AbortController()
      let idleMs = IDLE_MS
      try {
        if ((await this.step()) > 0) continue
        this.troubled = false
      } catch (error) {
        this.deps.log.error({ err: error }, 'the alerts could not be worked on; trying again')
        idleMs = AFTER_ERROR_MS
      }
      await this.deps.clock.sleep(idleMs, AbortSignal.any([this.wake.signal, this.stopping.signal]))
    }
  }

  /** One pass; tests call it by hand. @returns how many messages were stored. */
  async step(): Promise<number> {
    const { db, queue, lastLines } = this.deps
    // What cannot be gathered must not hold up what waits for its upkeep.
    const [gathered] = await Promise.allSettled([gather(db, queue, lastLines)])
    await this.every(UPKEEP_EVERY_MS, 'upkeep', async () => {
      await adoptWaiting(db, queue)
      await buryDead(db, queue)
    })
    await this.every(PRUNE_EVERY_MS, 'prune', () => prune(db))
    if (gathered.status === 'rejected') throw gathered.reason
    return gathered.value
  }

  private async every(periodMs: number, name: string, work: () => Promise<void>): Promise<void> {
    const now = this.deps.clock.now()
    if (now < (this.due.get(name) ?? 0)) return
    await work()
    this.due.set(name, now + periodMs)
  }

  /** Once per outage: the worker says it at every try. */
  private complain(error: Error): void {
    if (!this.troubled) this.deps.log.warn({ err: error }, 'the queue of the alerts is disturbed; it goes on by itself')
    this.troubled = true
  }
}
