import { PandaError } from '../../errors.ts'
import type * as seam from '../../queue/driver.ts'
import { DEFAULT_KEEP } from '../../queue/keep-policy.ts'
import type { ChildOutcome } from '../../queue/flow-driver.ts'
import type { StoredSchedule } from '../../queue/schedule-driver.ts'
import { add } from './add.ts'
import { change } from './change.ts'
import { MEMORY_PROBLEMS } from './check.ts'
import { exchange } from './exchange.ts'
import { glance } from './glance.ts'
import { childEnded, relays } from './flows.ts'
import { leave, renew } from './leases.ts'
import { maintain } from './maintain.ts'
import { note, watch } from './notes.ts'
import { get, list, stats } from './read.ts'
import { dueSchedules, putSchedule, tick } from './schedules.ts'
import { configure } from './settings.ts'
import { nextTurn } from './signals.ts'
import { MemoryStore } from './store.ts'

export interface MemoryQueueOptions {
  /** Drivers with the same store see the same jobs, as processes with the same Redis do. Default: a new one. */
  readonly store?: MemoryStore
}

/** For tests and trials: everything a queue can do, kept in this process. The executable specification of the seam. */
export function openMemoryQueueDriver(options: MemoryQueueOptions = {}): seam.QueueDriver {
  return new MemoryQueueDriver(options.store ?? new MemoryStore())
}

/** Each call is carried out in one go, so that nothing comes in between; the answer comes in a later turn. */
class MemoryQueueDriver implements seam.QueueDriver {
  readonly capabilities = { name: 'memory', transactions: false, shared: false } as const
  readonly #store: MemoryStore
  readonly #endListening = new Set<() => void>()
  #isClosed = false

  constructor(store: MemoryStore) {
    this.#store = store
  }

  check() {
    return this.#answer(() => MEMORY_PROBLEMS)
  }

  add(queue: string, jobs: readonly seam.NewJob[]) {
    return this.#answer((store) => add(store, store.queue(queue), jobs))
  }

  exchange(queue: string, worker: string, request: seam.Exchange) {
    return this.#answer((store) => exchange(store, store.look(queue), worker, request))
  }

  renew(worker: seam.WorkerInfo, queues: readonly string[], leaseMs: number) {
    return this.#answer((store) => renew(store, queues, worker, leaseMs))
  }

  leave(worker: string, queues: readonly string[], keep: seam.KeepPolicy = DEFAULT_KEEP) {
    return this.#answer((store) => {
      for (const name of queues) leave(store, store.look(name), worker, keep)
    })
  }

  maintain(queue: string, keep: seam.KeepPolicy = DEFAULT_KEEP) {
    return this.#answer((store) => maintain(store, store.look(queue), keep))
  }

  glance(queues: readonly string[]) {
    return this.#answer((store) => new Map(queues.map((name) => [name, glance(store, store.look(name))])))
  }

  change(queue: string, ids: readonly string[], wanted: seam.Change) {
    return this.#answer((store) => change(store, store.look(queue), ids, wanted))
  }

  get(queue: string, ids: readonly string[]) {
    return this.#answer((store) => get(store.look(queue), ids))
  }

  list(queue: string, query: seam.ListQuery) {
    return this.#answer((store) => list(store.look(queue), query))
  }

  stats(queue: string) {
    return this.#answer((store) => stats(store, store.look(queue)))
  }

  queues() {
    return this.#answer((store) => [...store.queues.keys()].sort())
  }

  configure(queue: string, settings: Partial<seam.QueueSettings>) {
    return this.#answer((store) => configure(store, store.queue(queue), settings))
  }

  note(queue: string, id: string, fence: string, given: seam.Note) {
    return this.#answer((store) => note(store.look(queue), id, fence, given))
  }

  logs(queue: string, id: string) {
    return this.#answer((store) => store.look(queue).jobs.get(id)?.lines ?? [])
  }

  watch(queue: string, id: string) {
    return this.#answer((store) => watch(store.look(queue), id))
  }

  listen(queues: readonly string[], onSignal: (signal: seam.Signal) => void) {
    return this.#answer((store) => {
      const remove = store.listeners.add({ queues: new Set(queues), onSignal })
      this.#endListening.add(remove)
      return () => {
        this.#endListening.delete(remove)
        remove()
      }
    })
  }

  relays(queue: string, limit: number) {
    return this.#answer((store) => relays(store.look(queue), limit))
  }

  relayed(queue: string, ids: readonly string[]) {
    return this.#answer((store) => {
      for (const id of ids) store.look(queue).relays.delete(id)
    })
  }

  childEnded(
    parentQueue: string,
    parentId: string,
    outcome: ChildOutcome,
    tolerant: boolean,
    keep: seam.KeepPolicy = DEFAULT_KEEP,
  ) {
    return this.#answer((store) => childEnded(store, store.look(parentQueue), parentId, outcome, tolerant, keep))
  }

  children(queue: string, id: string) {
    return this.#answer((store) => store.look(queue).jobs.get(id)?.outcomes ?? [])
  }

  putSchedule(queue: string, schedule: StoredSchedule) {
    return this.#answer((store) => putSchedule(store.queue(queue), schedule))
  }

  removeSchedule(queue: string, key: string) {
    return this.#answer((store) => store.look(queue).schedules.delete(key))
  }

  schedules(queue: string) {
    return this.#answer((store) => [...store.look(queue).schedules.values()])
  }

  dueSchedules(queue: string) {
    return this.#answer((store) => dueSchedules(store, store.look(queue)))
  }

  tick(queue: string, key: string, dueAt: number, nextDueAt: number | null, job: seam.NewJob | null) {
    return this.#answer((store) => tick(store, store.look(queue), { key, dueAt, nextDueAt, job }))
  }

  keeperPlan(): null {
    return null
  }

  close(): Promise<void> {
    this.#isClosed = true
    for (const end of this.#endListening) end()
    this.#endListening.clear()
    return Promise.resolve()
  }

  async #answer<T>(call: (store: MemoryStore) => T): Promise<T> {
    this.#assertOpen()
    const answer = call(this.#store)
    await nextTurn()
    this.#assertOpen()
    return answer
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new PandaError('closed', 'the memory queue driver was closed')
  }
}
