import { PandaError } from '../errors.ts'
import { findBrokerUrl } from '../events/broker-url.ts'
import type { EventDriver } from '../events/driver.ts'
import { loadEventDriver } from '../events/load-event-driver.ts'
import { findNamespace } from '../events/namespace.ts'
import { pause, systemClock } from '../queue/clock.ts'
import { loadDriver } from '../queue/load-driver.ts'
import { isAway } from '../queue/store-call.ts'
import { findStoreUrl } from '../queue/store-url.ts'
import type { Lane } from './carry.ts'
import { CheckedTarget } from './checked-target.ts'
import { eventLane } from './event-lane.ts'
import { jobLane } from './job-lane.ts'
import type { OutboxOptions } from './options.ts'

/** A transaction that holds the lock is open meanwhile. */
const BROKER_WAIT_MS = 10_000
const FIRST_LOOK_MS = 2_000
/** Not DATABASE_URL: that is where the outbox itself lies. */
const JOB_VARIABLES = ['PANDA_QUEUE_URL', 'REDIS_URL']

export interface Lanes {
  readonly lanes: readonly Lane[]
  /** Closes the drivers that are ours. */
  close(): Promise<void>
}

/** @throws PandaError no_store when neither a store of queues nor a broker is known, invalid_url, unsafe_store */
export async function openLanes(options: OutboxOptions): Promise<Lanes> {
  const opened: { close(): Promise<void> }[] = []
  const close = async (): Promise<void> => void (await Promise.all(opened.map((one) => one.close())))
  const open = async <T extends { close(): Promise<void> }>(make: () => Promise<T | null>): Promise<T | null> => {
    const made = await ifKnown(make)
    if (made !== null) opened.push(made)
    return made
  }
  try {
    const own = options.target === undefined ? await open(async () => jobTarget(options)) : null
    const events = options.eventsTarget ?? (await open(async () => eventDriver(options)))
    const jobs = options.target ?? own
    const lanes = [...(jobs === null ? [] : [jobLane(jobs)]), ...(events === null ? [] : [eventLane(events)])]
    if (lanes.length === 0)
      throw new PandaError('no_store', 'The outbox knows neither a store of queues nor a broker to carry to', {
        hint: 'Set PANDA_QUEUE_URL (or REDIS_URL) for jobs, PANDA_EVENTS_URL (or RABBITMQ_URL, or AMQP_URL) for events, or pass `url` or `eventsUrl`.',
      })
    if (own !== null) await firstLook(own)
    return { lanes, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A store that is away is looked at later, before the first job goes to it: it keeps nobody from starting. */
async function firstLook(target: CheckedTarget): Promise<void> {
  const patience = new AbortController()
  const looked = target.check().catch((error: unknown) => {
    if (!isAway(error)) throw error
  })
  // What it finds out later is told by the first job.
  looked.catch(() => undefined)
  await Promise.race([looked, pause(systemClock, FIRST_LOOK_MS, patience.signal)])
  patience.abort()
}

async function jobTarget({ url, namespace, allowUnsafeStore = false }: OutboxOptions): Promise<CheckedTarget> {
  const driver = await loadDriver(findStoreUrl(url, process.env, JOB_VARIABLES), namespace)
  return new CheckedTarget(driver, allowUnsafeStore)
}

async function eventDriver({ eventsUrl, eventsNamespace }: OutboxOptions): Promise<EventDriver | null> {
  const broker = findBrokerUrl(eventsUrl)
  // Events that live in PostgreSQL are published by their transactions themselves.
  if (broker.kind === 'postgres' || broker.kind === 'memory') return null
  return loadEventDriver(broker, {
    waitMs: BROKER_WAIT_MS,
    connectionName: 'pandastack outbox',
    ...findNamespace(eventsNamespace),
  })
}

async function ifKnown<T>(open: () => Promise<T | null>): Promise<T | null> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof PandaError) || error.code !== 'no_store') throw error
    return null
  }
}
