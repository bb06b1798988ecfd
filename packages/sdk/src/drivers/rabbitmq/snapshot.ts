import type { AnyMessage, Channel, Message } from './amqp.ts'
import { watchChannel } from './channels.ts'
import { wait } from './wait.ts'

const idleMs = 20
const ackGroup = 16
/** The largest there is; without a limit the broker takes 2,000. */
const window = 65_535

/**
 * The messages that are in the queue now (65,535 at most), unacknowledged. What is not acknowledged goes back when the channel is closed, but
 * in any order: RabbitMQ returns more than 32 messages as its map has them. So whoever needs an order sorts.
 */
export async function snapshot(channel: Channel, queue: string): Promise<Message[]> {
  const messages: Message[] = []
  let failure: Error | null = null
  watchChannel(channel, (error) => (failure = error))
  await channel.prefetch(window)
  const { consumerTag } = await channel.consume(queue, (message) => {
    if (message === null) failure = new Error(`the queue ${queue} was deleted`)
    else messages.push(message)
  })
  for (
    let seen = -1;
    messages.length < window && (seen !== messages.length || (await channel.checkQueue(queue)).messageCount > 0);
  ) {
    seen = messages.length
    await wait(idleMs)
    if (failure !== null) throw failure as Error
  }
  await channel.cancel(consumerTag)
  return messages
}

/**
 * Acknowledges some of a snapshot. RabbitMQ passes on 32 acknowledgements of a channel at a time and forgets the rest when the
 * channel is closed, so they go in small groups; whoever must be sure looks again.
 */
export async function acknowledge(channel: Channel, queue: string, messages: readonly AnyMessage[]): Promise<void> {
  for (let at = 0; at < messages.length; at += ackGroup) {
    for (const message of messages.slice(at, at + ackGroup)) channel.ack(message)
    await channel.checkQueue(queue)
  }
}
