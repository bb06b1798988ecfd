import { Listener } from '../drivers/postgres/listener.ts'
import { outboxChannel } from '../drivers/postgres/migrate.ts'
import { Store } from '../drivers/postgres/store.ts'
import { Carrier } from './carrier.ts'
import { type Lanes, openLanes } from './lanes.ts'
import { settleOutbox } from './options.ts'
import type { OutboxOptions } from './options.ts'

export interface Outbox {
  /** Resolves when all that is committed by now has been carried over, by this process or another. */
  flush(): Promise<void>
  /** Ends after the batches under way. */
  close(): Promise<void>
}

/**
 * Makes the outbox in the database if it is not there, and carries over jobs and events as soon as their transactions
 * commit: jobs when a store of queues is known, events when a broker is known. Any number of processes may run it: one at a
 * time works, another goes on when that one dies.
 * @throws PandaError no_store (neither is known), invalid_option, store_away, unauthorized, unsafe_store
 */
export async function startOutbox(options: OutboxOptions = {}): Promise<Outbox> {
  const store = new Store(settleOutbox(options))
  const lanes = await openLanes(options)
  const outbox = new RunningOutbox(store, options, lanes)
  try {
    await store.ready()
    await outbox.start()
  } catch (error) {
    await outbox.close()
    throw error
  }
  return outbox
}

class RunningOutbox implements Outbox {
  readonly #store: Store
  readonly #lanes: Lanes
  readonly #carriers: ReadonlyMap<string, Carrier>
  readonly #listener: Listener

  constructor(store: Store, options: OutboxOptions, lanes: Lanes) {
    this.#store = store
    this.#lanes = lanes
    const carriers = new Map(
      lanes.lanes.map((lane) => [outboxChannel(store.schema, lane.table), new Carrier(store, lane, options)]),
    )
    this.#carriers = carriers
    this.#listener = new Listener(
      store.connections,
      (channel) => carriers.get(channel)?.wake(),
      () => this.#wakeAll(),
    )
  }

  async start(): Promise<void> {
    await this.#listener.listen([...this.#carriers.keys()])
    this.#wakeAll()
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#carriers.values()].map(async (carrier) => carrier.flush()))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#carriers.values()].map(async (carrier) => carrier.close()))
    this.#listener.close()
    await this.#store.connections.close()
    await this.#lanes.close()
  }

  #wakeAll(): void {
    for (const carrier of this.#carriers.values()) carrier.wake()
  }
}
