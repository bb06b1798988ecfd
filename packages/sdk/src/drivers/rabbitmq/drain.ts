import type { Channel, Message } from './amqp.ts'
import { onChannel, watchChannel } from './channels.ts'
import type { Core } from './core.ts'
import type { Outgoing } from './publisher.ts'
import { wait } from './wait.ts'

const window = 500
const idleMs = 20

export interface DrainOptions {
  readonly queue: string
  /** Where a message goes. */
  readonly route: (message: Message) => Outgoing
  /** Asked when the queue is empty: is it over, or can more come? The count is that of other consumers. */
  readonly isOver: (otherConsumers: number) => boolean
  readonly until: number
}

/**
 * Moves what waits in a queue, in order: published and confirmed first, acknowledged then.
 * @returns how many were moved, and whether it came to its end in time
 */
export async function drain(core: Core, options: DrainOptions): Promise<{ moved: number; finished: boolean }> {
  const { link, settings } = core
  let moved = 0
  const finished = await onChannel(link, settings.waitMs, `moving what waits in ${options.queue}`, async (channel) => {
    let failure: Error | null = null
    let inbox: Message[] = []
    watchChannel(channel, (error) => (failure = error))
    await channel.prefetch(window)
    await channel.consume(options.queue, (message) => {
      if (message === null) failure = new Error(`the queue ${options.queue} was deleted`)
      else inbox.push(message)
    })
    for (;;) {
      if (failure !== null) throw failure as Error
      const batch = inbox
      inbox = []
      moved += await moveBatch(core, channel, batch, options)
      if (inbox.length > 0) continue
      if (batch.length === 0 && (await isDone(channel, options))) return inbox.length === 0
      if (Date.now() > options.until) return false
      await wait(idleMs)
    }
  })
  return { moved, finished }
}

async function moveBatch(
  core: Core,
  channel: Channel,
  batch: readonly Message[],
  options: DrainOptions,
): Promise<number> {
  const last = batch.at(-1)
  if (last === undefined) return 0
  await core.send(batch.map(options.route))
  channel.ack(last, true)
  return batch.length
}

async function isDone(channel: Channel, options: DrainOptions): Promise<boolean> {
  const { messageCount, consumerCount } = await channel.checkQueue(options.queue)
  return messageCount === 0 && options.isOver(consumerCount - 1)
}
