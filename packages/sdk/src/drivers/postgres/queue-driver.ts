import { DEFAULT_KEEP } from '../../queue/keep-policy.ts'
import type { KeeperPlan, NewJob, QueueCapabilities, QueueDriver } from '../../queue/driver.ts'
import { add, addWithin } from './add.ts'
import { change } from './change.ts'
import { check } from './check.ts'
import { Exchanges } from './exchange.ts'
import { children, childEnded, relayed, relays } from './flows.ts'
import { glance } from './glance.ts'
import { leave, maintain, renew } from './leases.ts'
import { list } from './list.ts'
import { logs, note, watch } from './notes.ts'
import { type PostgresQueueOptions, settle } from './options.ts'
import { queues } from './queues.ts'
import { get } from './read.ts'
import { dueSchedules, putSchedule, removeSchedule, schedules, tick } from './schedules.ts'
import { configure } from './settings.ts'
import { Signals } from './signals.ts'
import { stats } from './stats.ts'
import { Store } from './store.ts'
import { sqlRunnerOf } from './transaction.ts'

const CAPABILITIES: QueueCapabilities = { name: 'postgres', transactions: true, shared: true }

/** Nothing is connected before the first call. @throws PandaError invalid_option, no_store */
export function openPostgresQueueDriver(options: PostgresQueueOptions): QueueDriver {
  return queueDriverOn(new Store(settle(options)), options)
}

/** The driver on a store that others may use too; its `close` closes the store. */
export function queueDriverOn(store: Store, options: PostgresQueueOptions): QueueDriver {
  const exchanges = new Exchanges(store)
  const signals = new Signals(store)
  return {
    capabilities: CAPABILITIES,
    check: async (signal) => check(store, signal),
    add: async (queue, jobs, signal) => add(store, queue, jobs, signal),
    addWithin: async (transaction: object, queue: string, jobs: readonly NewJob[]) =>
      addWithin(store, sqlRunnerOf(transaction), queue, jobs),
    exchange: async (queue, worker, exchange, signal) => exchanges.exchange(queue, worker, exchange, signal),
    claimSoftly: async (queue, worker, want, signal) => exchanges.claimSoftly(queue, worker, want, signal),
    renew: async (worker, queues, leaseMs) => renew(store, worker, queues, leaseMs),
    leave: async (worker, queues, keep = DEFAULT_KEEP) => leave(store, worker, queues, keep),
    maintain: async (queue, keep = DEFAULT_KEEP, signal) => maintain(store, queue, keep, signal),
    glance: async (queues, signal) => glance(store, queues, signal),
    change: async (queue, ids, wanted, signal) => change(store, queue, ids, wanted, signal),
    get: async (queue, ids, signal) => get(store, queue, ids, signal),
    list: async (queue, query, signal) => list(store, queue, query, signal),
    stats: async (queue, signal) => stats(store, queue, signal),
    queues: async (signal) => queues(store, signal),
    configure: async (queue, settings, signal) => configure(store, queue, settings, signal),
    note: async (queue, id, fence, noted) => note(store, queue, id, fence, noted),
    logs: async (queue, id) => logs(store, queue, id),
    watch: async (queue, id) => watch(store, queue, id),
    listen: async (queues, onSignal) => signals.listen(queues, onSignal),
    relays: async (queue, limit) => relays(store, queue, limit),
    relayed: async (queue, ids) => relayed(store, queue, ids),
    childEnded: async (parentQueue, parentId, outcome, tolerant, keep = DEFAULT_KEEP) =>
      childEnded(store, parentQueue, parentId, outcome, tolerant, keep),
    children: async (queue, id) => children(store, queue, id),
    putSchedule: async (queue, schedule) => putSchedule(store, queue, schedule),
    removeSchedule: async (queue, key) => removeSchedule(store, queue, key),
    schedules: async (queue) => schedules(store, queue),
    dueSchedules: async (queue) => dueSchedules(store, queue),
    tick: async (queue, key, dueAt, nextDueAt, job) => tick(store, queue, key, dueAt, nextDueAt, job),
    keeperPlan: () => keeperPlan(options),
    async close() {
      signals.close()
      await store.connections.close()
    },
  }
}

/** A caller's own pool cannot be carried into another thread. */
function keeperPlan(options: PostgresQueueOptions): KeeperPlan | null {
  if (options.url === undefined) return null
  const { url, schema, timeoutMs } = options
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return {
    module: new URL(`./keeper.${extension}`, import.meta.url).href,
    config: { url, ...(schema === undefined ? {} : { schema }), ...(timeoutMs === undefined ? {} : { timeoutMs }) },
  }
}
