import { PandaError } from '../errors.ts'
import { findBrokerUrl } from '../events/broker-url.ts'
import type { EventDriver } from '../events/driver.ts'
import { loadEventDriver } from '../events/load-event-driver.ts'
import { findNamespace } from '../events/namespace.ts'
import type { QueueDriver } from '../queue/driver.ts'
import { loadDriver } from '../queue/load-driver.ts'
import { findStoreUrl } from '../queue/store-url.ts'
import type { Lane } from './carry.ts'
import { eventLane } from './event-lane.ts'
import { jobLane } from './job-lane.ts'
import type { OutboxOptions } from './options.ts'

/** A transaction that holds the lock is open meanwhile. */
const BROKER_WAIT_MS = 10_000

export interface Lanes {
  readonly lanes: readonly Lane[]
  /** Closes the drivers that are ours. */
  close(): Promise<void>
}

/** @throws PandaError no_store when neither a store of queues nor a broker is known, invalid_url */
export async function openLanes(options: OutboxOptions): Promise<Lanes> {
  const { target, eventsTarget } = options
  const missing: PandaError[] = []
  const jobs = target === undefined ? await ifKnown(missing, async () => jobDriver(options)) : null
  const events = eventsTarget === undefined ? await ifKnown(missing, async () => eventDriver(options)) : null
  const jobsTo = target ?? jobs
  const eventsTo = eventsTarget ?? events
  const lanes = [...(jobsTo === null ? [] : [jobLane(jobsTo)]), ...(eventsTo === null ? [] : [eventLane(eventsTo)])]
  if (lanes.length === 0)
    throw new PandaError('no_store', 'The outbox knows neither a store of queues nor a broker to carry to', {
      hint: missing.map(({ hint }) => hint).join(' '),
    })
  return { lanes, close: async () => void (await Promise.all([jobs?.close(), events?.close()])) }
}

async function jobDriver({ url, namespace }: OutboxOptions): Promise<QueueDriver> {
  return loadDriver(findStoreUrl(url), namespace)
}

async function eventDriver({ eventsUrl, eventsNamespace }: OutboxOptions): Promise<EventDriver> {
  return loadEventDriver(findBrokerUrl(eventsUrl), {
    waitMs: BROKER_WAIT_MS,
    connectionName: 'pandastack outbox',
    ...findNamespace(eventsNamespace),
  })
}

async function ifKnown<T>(missing: PandaError[], open: () => Promise<T>): Promise<T | null> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof PandaError) || error.code !== 'no_store') throw error
    missing.push(error)
    return null
  }
}
