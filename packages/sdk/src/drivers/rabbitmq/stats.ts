import type { SubscriptionStats } from '../../events/driver.ts'
import { lookAt, onChannel } from './channels.ts'
import type { Core } from './core.ts'
import { forwarded, travelOf } from './message.ts'
import { homeKey } from './names.ts'
import type { RegisteredSubscription } from './registry-state.ts'
import { ageOf } from './unrouted.ts'

/**
 * `waiting`, `dead` and `consumers` are the broker's counts. `taken` is what this process holds: AMQP does not tell what others
 * hold. `retrying` is unknown: delay queues are shared. `oldestMs` is the age, by its publisher's clock, of the event at the
 * head of the queue.
 */
export async function stats(
  core: Core,
  name: string,
  entry: RegisteredSubscription,
  held: number,
  signal?: AbortSignal,
): Promise<SubscriptionStats> {
  const { link, settings, names } = core
  const main = names.main(name, entry.generation)
  const waitingQueues = [
    main,
    names.retry(name),
    names.isolated(name),
    ...(entry.leaving === null ? [] : [entry.leaving]),
  ]
  const look = async (queue: string) => lookAt(link, settings.waitMs, queue, signal)
  const [dead, ...found] = await Promise.all([names.dead(name), ...waitingQueues].map(look))
  const waiting = found.reduce((sum, each) => sum + (each?.ready ?? 0), 0)
  return {
    name,
    patterns: entry.patterns,
    order: entry.order,
    paused: entry.paused,
    waiting,
    taken: held,
    retrying: null,
    dead: dead?.ready ?? 0,
    consumers: found[0]?.consumers ?? 0,
    oldestMs: waiting === 0 ? null : await oldest(core, name, entry, main, signal),
  }
}

/**
 * Looking at a message marks it as redelivered, as after a crash. So where order is free it is handed on as a released one;
 * in strict order it goes back to its place, and its consumer will record it before it runs.
 */
async function oldest(
  core: Core,
  name: string,
  entry: RegisteredSubscription,
  main: string,
  signal?: AbortSignal,
): Promise<number | null> {
  // The broker lets nobody but the one consumer look into a queue of strict order.
  if (entry.order === 'strict') return null
  const { link, settings, names } = core
  return onChannel(
    link,
    settings.waitMs,
    `a look into ${main}`,
    async (channel) => {
      for (const queue of [main, names.retry(name)]) {
        const message = await channel.get(queue)
        if (message === false) continue
        await core.send([forwarded(names.home, homeKey.retry(name), message, travelOf(message))], signal)
        channel.ack(message)
        return ageOf(message)
      }
      return null
    },
    signal,
  )
}
