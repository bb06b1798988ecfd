import { randomUUID } from 'node:crypto'
import type { LoggedEvent, LogPosition, LogQuery } from '../../events/driver.ts'
import type { Message } from './amqp.ts'
import { closeChannel, openChannel, watchChannel } from './channels.ts'
import type { Core } from './core.ts'
import { toPandaError } from './errors.ts'
import { eventOf, outgoing } from './message.ts'
import { homeKey } from './names.ts'
import { matchesAny } from '../../events/pattern.ts'
import type { Outgoing } from './publisher.ts'
import { registered } from './registry-state.ts'

const window = 500
const replayBatch = 200

interface LogReader {
  next(): Promise<Message>
  close(): Promise<void>
}

/**
 * Oldest first. Without `follow` it ends where the log ended when it was called: a mark is written behind it, which is no
 * event, and read up to.
 */
export async function* readLog(core: Core, query: LogQuery, signal?: AbortSignal): AsyncGenerator<LoggedEvent> {
  await core.ensureShared(signal)
  let mark: string | null = null
  let from = query.from
  for (;;) {
    signal?.throwIfAborted()
    const reader = await openReader(core, from, signal)
    try {
      // A reader that asks for a time that has not come stands behind all that was written before it.
      if (!query.follow && (mark === null || 'time' in from)) mark = await writeMark(core, signal)
      for (;;) {
        const message = await reader.next()
        const offset = offsetOf(message)
        from = { offset: offset + 1 }
        if (mark !== null && message.properties.messageId === mark) return
        const logged = loggedOf(message, offset, query)
        if (logged !== null) yield logged
      }
    } catch (error) {
      signal?.throwIfAborted()
      // Lost on the way: it goes on behind the last one that was read.
      if (toPandaError(error, core.link.address, 'reading the event log').code !== 'store_away') throw error
    } finally {
      await reader.close()
    }
  }
}

/** @returns how many events were delivered to the subscription again */
export async function replay(
  core: Core,
  subscription: string,
  from: LogPosition,
  signal?: AbortSignal,
): Promise<number> {
  const entry = registered(await core.registry.read(signal), subscription)
  if (entry === undefined) return 0
  let batch: Outgoing[] = []
  let count = 0
  const send = async () => {
    await core.send(batch, signal)
    count += batch.length
    batch = []
  }
  for await (const { event } of readLog(core, { from, patterns: entry.patterns, follow: false }, signal)) {
    batch.push({ ...outgoing(core.names.home, event), key: homeKey.main(subscription, entry.generation) })
    if (batch.length === replayBatch) await send()
  }
  await send()
  return count
}

async function writeMark(core: Core, signal?: AbortSignal): Promise<string> {
  const messageId = `mark-${randomUUID()}`
  const properties = { messageId, deliveryMode: 2, mandatory: true }
  await core.send([{ exchange: core.names.home, key: homeKey.log, content: Buffer.from('mark'), properties }], signal)
  return messageId
}

function loggedOf(message: Message, offset: number, query: LogQuery): LoggedEvent | null {
  const event = eventOf(message, message.content.toString('utf8'))
  if (event === null || !matchesAny(query.patterns, event.type)) return null
  if ('offset' in query.from) return offset < query.from.offset ? null : { offset, event }
  // The broker finds the chunk in which the time lies, not the event.
  return Date.parse(event.time) < query.from.time ? null : { offset, event }
}

function offsetOf(message: Message): number {
  return Number(message.properties.headers?.['x-stream-offset'] ?? 0)
}

async function openReader(core: Core, from: LogPosition, signal?: AbortSignal): Promise<LogReader> {
  const connection = await core.link.ready(signal)
  const channel = await openChannel(connection)
  const inbox: Message[] = []
  let failure: unknown = null
  let wake: (() => void) | null = null
  const fail = (error: unknown) => {
    failure = error
    wake?.()
  }
  const onAbort = () => fail(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  watchChannel(channel, fail)
  await channel.prefetch(window)
  await channel.consume(
    core.names.log,
    (message) => {
      if (message === null) return fail(new Error(`the queue ${core.names.log} was deleted`))
      inbox.push(message)
      wake?.()
    },
    { arguments: { 'x-stream-offset': streamOffset(from) } },
  )
  return {
    next: async () => {
      for (;;) {
        const message = inbox.shift()
        if (message !== undefined) {
          if (failure === null) channel.ack(message)
          return message
        }
        if (failure !== null) throw failure
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    close: async () => {
      signal?.removeEventListener('abort', onAbort)
      await closeChannel(channel)
    },
  }
}

function streamOffset(from: LogPosition): unknown {
  if ('offset' in from) return from.offset
  return { '!': 'timestamp', value: Math.max(0, Math.floor(from.time / 1_000)) }
}
