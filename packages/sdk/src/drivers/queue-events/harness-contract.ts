import { setTimeout as delay } from 'node:timers/promises'
import type { EventHarness, EventStore, EventTransaction } from '../../events/contract/harness-contract.ts'
import type { EventDriver } from '../../events/driver.ts'
import { matchesAny } from '../../events/pattern.ts'
import type { QueueDriver } from '../../queue/driver.ts'
import { ulid } from '../../queue/ulid.ts'
import { queueOf } from './delivery-queue.ts'

/** What a test gives of one store of the engine's. */
export interface EngineStore {
  openQueue(): QueueDriver
  openEvents(driver: QueueDriver): EventDriver
  readonly begin?: () => Promise<EventTransaction>
  dispose(): Promise<void>
}

/** The contract's harness for any store of the queue engine: it knows how leases are lost and how foreign jobs get in. */
export function engineHarness(make: () => Promise<EngineStore>): EventHarness {
  return {
    store: async () => storeOf(await make()),
    dispose: () => Promise.resolve(),
  }
}

function storeOf(engine: EngineStore): EventStore {
  const outside = engine.openQueue()
  const events = engine.openEvents(engine.openQueue())
  const leases = new Map<EventDriver, Map<string, readonly string[]>>()
  return {
    open: () => {
      const queue = engine.openQueue()
      const seen = new Map<string, readonly string[]>()
      const driver = engine.openEvents(watched(queue, seen))
      leases.set(driver, seen)
      return Promise.resolve(driver)
    },
    now: () => Date.now(),
    advance: (ms) => delay(ms),
    publishRaw: async (type, raw) => {
      for (const name of await events.subscriptions()) {
        const { patterns } = await events.stats(name)
        if (matchesAny(patterns, type)) await outside.add(queueOf(name), [foreign(raw)])
      }
    },
    lose: async (driver) => {
      for (const [worker, queues] of leases.get(driver) ?? []) await outside.leave(worker, queues)
    },
    ...(engine.begin !== undefined && { begin: engine.begin }),
    dispose: async () => {
      await events.close()
      await outside.close()
      await engine.dispose()
    },
  }
}

function foreign(body: string) {
  const plain = { body, settings: '', priority: 0, group: null, delayMs: 0, runAt: null }
  return { id: ulid(), ...plain, key: null, parent: null, children: [] }
}

/** Notes which leases are made through it. */
function watched(queue: QueueDriver, leases: Map<string, readonly string[]>): QueueDriver {
  return new Proxy(queue, {
    get(target, name) {
      if (name === 'keeperPlan') return () => null
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name !== 'renew') return value.bind(target) as unknown
      return (...args: Parameters<QueueDriver['renew']>) => {
        leases.set(args[0].id, args[1])
        return target.renew(...args)
      }
    },
  })
}
