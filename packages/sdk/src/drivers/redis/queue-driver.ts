import { PandaError } from '../../errors.ts'
import type * as seam from '../../queue/driver.ts'
import { DEFAULT_KEEP } from '../../queue/keep-policy.ts'
import type { ChildOutcome } from '../../queue/flow-driver.ts'
import type { StoredSchedule } from '../../queue/schedule-driver.ts'
import { add } from './add.ts'
import { change } from './change.ts'
import { check } from './check.ts'
import { loadClient } from './client.ts'
import { Connection } from './connection.ts'
import { Exchanges } from './exchange.ts'
import { childEnded, children, relayed, relays } from './flows.ts'
import { leave, renew } from './leases.ts'
import { list } from './list.ts'
import { maintain } from './maintain.ts'
import { logs, note, watch } from './notes.ts'
import type { RedisQueueOptions, RedisSettings } from './options.ts'
import { get, queues, stats } from './read.ts'
import { glance } from './glance.ts'
import { hostOf, readOptions } from './read-options.ts'
import { dueSchedules, putSchedule, removeSchedule, schedules, tick } from './schedules.ts'
import { configure } from './settings.ts'
import { Store } from './store.ts'
import { Subscriber } from './subscriber.ts'

/**
 * A queue on Redis 7.0 or newer, or Valkey. The client library `ioredis` is loaded with the first call.
 * @throws PandaError invalid_url, invalid_option
 */
export function openRedisQueueDriver(options: RedisQueueOptions): seam.QueueDriver {
  return new RedisQueueDriver(readOptions(options))
}

interface Parts {
  readonly store: Store
  readonly exchanges: Exchanges
  readonly subscriber: Subscriber
}

class RedisQueueDriver implements seam.QueueDriver {
  readonly capabilities = { name: 'redis', transactions: false, shared: true } as const
  readonly #settings: RedisSettings
  #opened: Promise<Parts> | null = null
  #isClosed = false

  constructor(settings: RedisSettings) {
    this.#settings = settings
  }

  async check(signal?: AbortSignal) {
    return check((await this.#parts()).store.connection, signal)
  }

  async add(queue: string, jobs: readonly seam.NewJob[], signal?: AbortSignal) {
    return add((await this.#parts()).store, queue, jobs, signal)
  }

  async exchange(queue: string, worker: string, exchange: seam.Exchange, signal?: AbortSignal) {
    return (await this.#parts()).exchanges.exchange(queue, worker, exchange, signal)
  }

  async renew(worker: seam.WorkerInfo, names: readonly string[], leaseMs: number) {
    return renew((await this.#parts()).store, worker, names, leaseMs)
  }

  async leave(worker: string, names: readonly string[], keep: seam.KeepPolicy = DEFAULT_KEEP) {
    return leave((await this.#parts()).store, worker, names, keep)
  }

  async maintain(queue: string, keep: seam.KeepPolicy = DEFAULT_KEEP, signal?: AbortSignal) {
    return maintain((await this.#parts()).store, queue, keep, signal)
  }

  async glance(names: readonly string[], signal?: AbortSignal) {
    return glance((await this.#parts()).store, names, signal)
  }

  async change(queue: string, ids: readonly string[], wanted: seam.Change, signal?: AbortSignal) {
    return change((await this.#parts()).store, queue, ids, wanted, signal)
  }

  async get(queue: string, ids: readonly string[], signal?: AbortSignal) {
    return get((await this.#parts()).store, queue, ids, signal)
  }

  async list(queue: string, query: seam.ListQuery, signal?: AbortSignal) {
    return list((await this.#parts()).store, queue, query, signal)
  }

  async stats(queue: string, signal?: AbortSignal) {
    return stats((await this.#parts()).store, queue, signal)
  }

  async queues(signal?: AbortSignal) {
    return queues((await this.#parts()).store, signal)
  }

  async configure(queue: string, settings: Partial<seam.QueueSettings>, signal?: AbortSignal) {
    return configure((await this.#parts()).store, queue, settings, signal)
  }

  async note(queue: string, id: string, fence: string, given: seam.Note) {
    return note((await this.#parts()).store, queue, id, fence, given)
  }

  async logs(queue: string, id: string) {
    return logs((await this.#parts()).store, queue, id)
  }

  async watch(queue: string, id: string) {
    return watch((await this.#parts()).store, queue, id)
  }

  async listen(names: readonly string[], onSignal: (signal: seam.Signal) => void) {
    return (await this.#parts()).subscriber.listen(names, onSignal)
  }

  async relays(queue: string, limit: number) {
    return relays((await this.#parts()).store, queue, limit)
  }

  async relayed(queue: string, ids: readonly string[]) {
    return relayed((await this.#parts()).store, queue, ids)
  }

  async childEnded(
    parentQueue: string,
    parentId: string,
    outcome: ChildOutcome,
    tolerant: boolean,
    keep: seam.KeepPolicy = DEFAULT_KEEP,
  ) {
    return childEnded((await this.#parts()).store, parentQueue, parentId, outcome, tolerant, keep)
  }

  async children(queue: string, id: string) {
    return children((await this.#parts()).store, queue, id)
  }

  async putSchedule(queue: string, schedule: StoredSchedule) {
    return putSchedule((await this.#parts()).store, queue, schedule)
  }

  async removeSchedule(queue: string, key: string) {
    return removeSchedule((await this.#parts()).store, queue, key)
  }

  async schedules(queue: string) {
    return schedules((await this.#parts()).store, queue)
  }

  async dueSchedules(queue: string) {
    return dueSchedules((await this.#parts()).store, queue)
  }

  async tick(queue: string, key: string, dueAt: number, nextDueAt: number | null, job: seam.NewJob | null) {
    return tick((await this.#parts()).store, queue, key, dueAt, nextDueAt, job)
  }

  keeperPlan(): seam.KeeperPlan {
    // The same ending as this file: .ts from the source, .js when built.
    const module = new URL(import.meta.url.endsWith('.ts') ? './keeper.ts' : './keeper.js', import.meta.url)
    return { module: module.href, config: this.#settings }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const parts = await this.#opened?.catch(() => null)
    if (parts === null || parts === undefined) return
    await Promise.all([parts.subscriber.close(), parts.store.connection.close()])
  }

  #parts(): Promise<Parts> {
    if (this.#isClosed) {
      const message = `The queue on Redis at ${hostOf(this.#settings.url)} was closed by this process.`
      return Promise.reject(new PandaError('closed', message))
    }
    this.#opened ??= this.#open()
    return this.#opened
  }

  async #open(): Promise<Parts> {
    const make = await loadClient()
    const connection = new Connection(make, this.#settings, { onRestored: () => store.forgetRegistered() })
    const store = new Store(connection, this.#settings.prefix)
    const subscriber = new Subscriber(make, this.#settings, (queue) => `${store.prefixOf(queue)}signals`)
    return { store, exchanges: new Exchanges(store), subscriber }
  }
}
