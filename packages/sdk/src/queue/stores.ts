import { durationMs } from '../duration.ts'
import type { Duration } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { systemClock } from './clock.ts'
import type { Clock } from './clock.ts'
import type { QueueDriver } from './driver.ts'
import { loadDriver } from './load-driver.ts'
import { Store } from './store.ts'
import { findStoreUrl } from './store-url.ts'
import type { StoreKind } from './store-url.ts'

export interface StoreChoice {
  /** `redis://…`, `postgres://…` or `memory:`. Default: PANDA_QUEUE_URL, else REDIS_URL, else DATABASE_URL. */
  readonly url?: string
  /** A driver that you made yourself; it stays yours: `close` does not close it. */
  readonly driver?: QueueDriver
  /** Key prefix on Redis (default `panda`), schema on PostgreSQL (default `panda_queue`). */
  readonly namespace?: string
  /** How long calls wait for a store that is away before they fail with `store_away`. Default 10 s. */
  readonly patience?: Duration
  /** How long a worker may be silent before its jobs are given to others. Default 10 s. */
  readonly lease?: Duration
  /** How often a lease is renewed. Default 3 s. */
  readonly heartbeat?: Duration
  /** How long a handler may block the event loop before its leases are let go. Default 5 min. */
  readonly maxBlock?: Duration
  /** In production (NODE_ENV), use a store even though its settings can lose jobs. Default false: it is refused. */
  readonly allowUnsafeStore?: boolean
  /** For tests. */
  readonly clock?: Clock
}

export const STORE_CHOICE: Readonly<Record<keyof StoreChoice, true>> = {
  url: true,
  driver: true,
  namespace: true,
  patience: true,
  lease: true,
  heartbeat: true,
  maxBlock: true,
  allowUnsafeStore: true,
  clock: true,
}

const byKey = new Map<string, Store>()
const byDriver = new WeakMap<QueueDriver, Store>()

/** The store for these options: one per URL and settings in this process, however many queues use it. @throws PandaError no_store, invalid_url, invalid_option */
export function useStore(choice: StoreChoice): Store {
  const { driver, namespace, clock = systemClock } = choice
  if (driver !== undefined) {
    const store = byDriver.get(driver) ?? build(choice, driver.capabilities.name, () => Promise.resolve(driver), clock)
    byDriver.set(driver, store)
    return store.use()
  }
  const found = findStoreUrl(choice.url)
  const key = JSON.stringify([
    found.url,
    namespace,
    choice.patience,
    choice.lease,
    choice.heartbeat,
    choice.maxBlock,
    choice.allowUnsafeStore,
  ])
  const store =
    byKey.get(key) ?? build(choice, found.kind, () => loadDriver(found, namespace, driverPatience(choice)), clock)
  byKey.set(key, store)
  return store.use()
}

export async function releaseStore(store: Store, choice: StoreChoice): Promise<void> {
  if (store.last) forget(store, choice)
  await store.release()
}

/** Before it is closed: whoever opens a queue from now on gets a store of their own. */
function forget(store: Store, choice: StoreChoice): void {
  for (const [key, one] of byKey) if (one === store) byKey.delete(key)
  if (choice.driver !== undefined && byDriver.get(choice.driver) === store) byDriver.delete(choice.driver)
}

/** Less than the whole patience, so that the driver has the first word and its error names what is wrong. */
function driverPatience(choice: StoreChoice): number | undefined {
  return choice.patience === undefined ? undefined : Math.ceil(durationMs(choice.patience, 'patience') * 0.7)
}

function build(choice: StoreChoice, kind: StoreKind, open: () => Promise<QueueDriver>, clock: Clock): Store {
  const leaseMs = durationMs(choice.lease ?? 10_000, 'lease')
  const heartbeatMs = durationMs(choice.heartbeat ?? Math.min(3_000, leaseMs / 3), 'heartbeat')
  if (heartbeatMs * 2 > leaseMs)
    throw new PandaError('invalid_option', 'lease must be at least twice heartbeat, or one lost answer costs the jobs')
  return new Store({
    open,
    clock,
    kind,
    lease: { leaseMs, heartbeatMs, maxBlockMs: durationMs(choice.maxBlock ?? 300_000, 'maxBlock') },
    patienceMs: durationMs(choice.patience ?? 10_000, 'patience'),
    allowUnsafe: choice.allowUnsafeStore ?? false,
    borrowed: choice.driver !== undefined,
  })
}
