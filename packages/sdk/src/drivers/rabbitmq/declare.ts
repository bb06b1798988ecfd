import type { Channel } from './amqp.ts'
import { onChannel } from './channels.ts'
import { replyCode } from './errors.ts'
import type { Link } from './link.ts'
import type { Part } from './topology.ts'

/**
 * Declares what is missing. What exists with other arguments stays as it is: the broker would close the channel (406), and
 * only a migration can change it. What a user may not configure is fine as long as it is there.
 * @returns names of queues and exchanges that exist with other arguments
 */
export async function declare(
  link: Link,
  waitMs: number,
  parts: readonly Part[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const different: string[] = []
  let next = 0
  while (next < parts.length) {
    await onChannel(
      link,
      waitMs,
      'the declaration of exchanges and queues',
      async (channel) => {
        for (; next < parts.length; next += 1) {
          const part = parts[next]
          if (part === undefined) return
          try {
            await declareOne(channel, part)
          } catch (error) {
            if (!(await isThere(link, waitMs, part, replyCode(error)))) throw error
            if (replyCode(error) === 406 && part.kind !== 'binding') different.push(part.name)
            next += 1
            // The broker has closed this channel.
            return
          }
        }
      },
      signal,
    )
  }
  return different
}

async function declareOne(channel: Channel, part: Part): Promise<void> {
  if (part.kind === 'exchange') {
    const alternate = part.alternate === undefined ? {} : { alternateExchange: part.alternate }
    await channel.assertExchange(part.name, part.type, { durable: true, ...alternate })
  } else if (part.kind === 'queue') {
    await channel.assertQueue(part.name, { durable: true, arguments: part.arguments })
  } else if (part.to === 'queue') {
    await channel.bindQueue(part.target, part.source, part.key)
  } else {
    await channel.bindExchange(part.target, part.source, part.key)
  }
}

async function isThere(link: Link, waitMs: number, part: Part, code: number): Promise<boolean> {
  if (code === 406) return true
  if (code !== 403) return false
  // A binding cannot be looked at; who may not bind relies on whoever made the queue.
  const name = part.kind === 'binding' ? part.target : part.name
  const isQueue = part.kind === 'queue' || (part.kind === 'binding' && part.to === 'queue')
  return onChannel(link, waitMs, `a look at ${name}`, async (channel) => {
    try {
      await (isQueue ? channel.checkQueue(name) : channel.checkExchange(name))
      return true
    } catch (error) {
      if (replyCode(error) === 404 || replyCode(error) === 403) return false
      throw error
    }
  })
}
