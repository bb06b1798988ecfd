import { PandaError } from '../../errors.ts'
import type { Channel, ConfirmChannel, Connection } from './amqp.ts'
import { replyCode, toPandaError } from './errors.ts'
import type { Link } from './link.ts'
import { wait, within } from './wait.ts'

const answerMs = 15_000
const pauseMs = 200

/** Why the channel was closed, as the library tells it in an event of its own. */
export function watchChannel(channel: Channel, onClose: (error: Error) => void): void {
  let failure: Error | undefined
  channel.on('error', (error: Error) => (failure = error))
  channel.on('close', () => onClose(failure ?? new Error('channel closed')))
}

/** A connection that is just being lost does not answer. */
const unanswered = () => new Error(`no channel within ${answerMs} ms`)

export async function openChannel(connection: Connection): Promise<Channel> {
  const channel = await within(connection.createChannel(), answerMs, unanswered)
  channel.on('error', () => undefined)
  return channel
}

export async function openConfirmChannel(connection: Connection): Promise<ConfirmChannel> {
  const channel = await within(connection.createConfirmChannel(), answerMs, unanswered)
  channel.on('error', () => undefined)
  return channel
}

/** Closing a channel that the broker has closed already is no error. */
export async function closeChannel(channel: Channel): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    channel.once('close', resolve)
  })
  try {
    // The library answers only what the broker has answered; a connection that ends meanwhile is told by the event.
    await within(Promise.race([channel.close(), closed]), answerMs, () => new Error('no answer'))
  } catch {
    // It is gone either way.
  }
}

/**
 * Does `work` on a channel of its own, again on a new one when the connection was lost meanwhile, until `link`'s wait is
 * over: `work` must be safe to repeat.
 * @throws PandaError
 */
export async function onChannel<T>(
  link: Link,
  waitMs: number,
  doing: string,
  work: (channel: Channel) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const until = Date.now() + waitMs
  for (;;) {
    const connection = await link.ready(signal)
    try {
      return await attempt(link, connection, doing, work)
    } catch (error) {
      signal?.throwIfAborted()
      const wrapped = toPandaError(error, link.address, doing)
      if (wrapped.code !== 'store_away' || Date.now() > until) throw wrapped
      await wait(pauseMs)
    }
  }
}

async function attempt<T>(
  link: Link,
  connection: Connection,
  doing: string,
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  const late = () =>
    new PandaError('store_away', `${link.address.label} did not answer within ${answerMs} ms (${doing}).`)
  const channel = await within(openChannel(connection), answerMs, () => {
    link.drop('no answer to a new channel')
    return late()
  })
  try {
    return await work(channel)
  } finally {
    await closeChannel(channel)
  }
}

/** The count of ready messages and consumers, or null when there is no such queue. */
export async function lookAt(
  link: Link,
  waitMs: number,
  queue: string,
  signal?: AbortSignal,
): Promise<{ ready: number; consumers: number } | null> {
  return onChannel(
    link,
    waitMs,
    `a look at the queue ${queue}`,
    async (channel) => {
      try {
        const { messageCount, consumerCount } = await channel.checkQueue(queue)
        return { ready: messageCount, consumers: consumerCount }
      } catch (error) {
        if (replyCode(error) === 404) return null
        throw error
      }
    },
    signal,
  )
}
