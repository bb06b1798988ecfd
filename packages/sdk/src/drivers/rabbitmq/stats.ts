import type { SubscriptionStats } from '../../events/driver.ts'
import type { Channel } from './amqp.ts'
import { lookAt, onChannel } from './channels.ts'
import type { Core } from './core.ts'
import { idOf } from './message.ts'
import type { RegisteredSubscription } from './registry-state.ts'
import { ageOf } from './unrouted.ts'

/**
 * `waiting`, `dead` and `consumers` are the broker's counts. `taken` is what this process holds: AMQP does not tell what others
 * hold. `retrying` is unknown: delay queues are shared. `oldestMs` is the age, by its publisher's clock, of the event at the
 * head of the queue; unknown in strict order.
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
    oldestMs: waiting === 0 || entry.order === 'strict' ? null : await oldest(core, name, waitingQueues, signal),
  }
}

/**
 * Looking at a message leaves it in its place, but marks it as redelivered, as after a crash: so the consumers are told of it
 * before. In strict order the broker lets nobody but the one consumer look.
 */
async function oldest(
  core: Core,
  name: string,
  queues: readonly string[],
  signal?: AbortSignal,
): Promise<number | null> {
  const { link, registry, settings } = core
  const look = async (channel: Channel) => {
    const ages: number[] = []
    for (const queue of queues) {
      const message = await channel.get(queue)
      if (message === false) continue
      await registry.tellPeek({ subscription: name, id: idOf(message) }, signal)
      channel.nack(message, false, true)
      const age = ageOf(message)
      if (age !== null) ages.push(age)
    }
    return ages.length === 0 ? null : Math.max(...ages)
  }
  return onChannel(link, settings.waitMs, `a look at what waits in ${name}`, look, signal)
}
