import type { SubscriptionSpec, UnroutedStats } from '../../events/driver.ts'
import type { AnyMessage, Channel, Message } from './amqp.ts'
import { lookAt, onChannel } from './channels.ts'
import type { Core } from './core.ts'
import { eventOf, forwarded, idOf, untravelled } from './message.ts'
import { homeKey } from './names.ts'
import { matchesAny } from '../../events/pattern.ts'
import { acknowledge, snapshot } from './snapshot.ts'
import { wait } from './wait.ts'

const batchSize = 500
const againMs = 20

/** What nobody was subscribed to and this subscription matches goes to it, oldest first; the rest stays. */
export async function deliverUnrouted(core: Core, spec: SubscriptionSpec, generation: number): Promise<void> {
  const { link, settings, names } = core
  const waiting = await lookAt(link, settings.waitMs, names.unroutedQueue)
  if (waiting === null || waiting.ready === 0) return
  const delivered = new Set<string>()
  const deliver = async (messages: readonly Message[], channel: Channel) => {
    const matching = messages.filter(({ fields }) => matchesAny(spec.patterns, fields.routingKey))
    const again = matching.filter((message) => delivered.has(idOf(message)))
    await acknowledge(channel, names.unroutedQueue, again)
    const fresh = matching.filter((message) => !delivered.has(idOf(message)))
    for (let at = 0; at < fresh.length; at += batchSize) {
      const batch = fresh.slice(at, at + batchSize)
      await core.send(
        batch.map((message) => forwarded(names.home, homeKey.main(spec.name, generation), message, untravelled)),
      )
      for (const message of batch) delivered.add(idOf(message))
      await acknowledge(channel, names.unroutedQueue, batch)
    }
    return matching.length
  }
  // Until none is left whose acknowledgement was forgotten.
  while ((await onUnrouted(core, undefined, deliver)) > 0) await wait(againMs)
}

export async function unrouted(core: Core, signal?: AbortSignal): Promise<UnroutedStats> {
  const { link, settings, names } = core
  const waiting = await lookAt(link, settings.waitMs, names.unroutedQueue, signal)
  if (waiting === null || waiting.ready === 0) return { count: 0, types: {}, oldestMs: null }
  return onUnrouted(core, signal, async (messages) => {
    const types = new Map<string, number>()
    for (const { fields } of messages) types.set(fields.routingKey, (types.get(fields.routingKey) ?? 0) + 1)
    const [oldest] = messages
    return {
      count: messages.length,
      types: Object.fromEntries(types),
      oldestMs: oldest === undefined ? null : ageOf(oldest),
    }
  })
}

/** All of them, in the order in which they were published. One process at a time: what another one looks at seems to be missing. */
async function onUnrouted<T>(
  core: Core,
  signal: AbortSignal | undefined,
  work: (messages: readonly Message[], channel: Channel) => Promise<T>,
): Promise<T> {
  const { link, settings, names } = core
  const onOne = async (channel: Channel) => {
    const messages = await snapshot(channel, names.unroutedQueue)
    const order = new Map(messages.map((message) => [message, eventOf(message, '')]))
    const textOf = (message: Message) => `${order.get(message)?.time ?? ''} ${order.get(message)?.id ?? ''}`
    return work(
      messages.sort((a, b) => (textOf(a) < textOf(b) ? -1 : Number(textOf(a) > textOf(b)))),
      channel,
    )
  }
  return core.locks.hold(
    names.lock('unrouted'),
    async () => onChannel(link, settings.waitMs, 'reading what nobody is subscribed to', onOne, signal),
    signal,
  )
}

/** By the publisher's clock; null for what is no event of ours. */
export function ageOf(message: AnyMessage): number | null {
  const time = Date.parse(eventOf(message, '')?.time ?? '')
  return Number.isNaN(time) ? null : Math.max(0, Date.now() - time)
}
