import type { KeepPolicy, QueueDriver } from './driver.ts'
import type { RelayMessage } from './flow-driver.ts'
import { decodeSettings } from './job-settings.ts'
import { DEFAULT_KEEP } from './keep-policy.ts'

const PAGE = 100

/**
 * Carries over what this queue has to tell others, oldest first, until nothing is left.
 * @param keep of parents in this same queue that die by it; those of other queues are kept as is the default
 * @returns the queues that were told something
 */
export async function carryRelays(
  driver: QueueDriver,
  queue: string,
  keep: KeepPolicy = DEFAULT_KEEP,
): Promise<ReadonlySet<string>> {
  const told = new Set<string>()
  for (;;) {
    const messages = await driver.relays(queue, PAGE)
    for (const message of messages) told.add(await carry(driver, queue, message, keep))
    if (messages.length > 0)
      await driver.relayed(
        queue,
        messages.map((message) => message.id),
      )
    if (messages.length < PAGE) return told
  }
}

/** The children of flows may have children: these are told by the child's own queue. */
export async function carryFlow(driver: QueueDriver, queue: string): Promise<void> {
  const open = [queue]
  const seen = new Set<string>()
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    open.push(...(await carryRelays(driver, next)))
  }
}

async function carry(driver: QueueDriver, queue: string, message: RelayMessage, keep: KeepPolicy): Promise<string> {
  if (message.kind === 'add') {
    await driver.add(message.child.queue, [message.child.job])
    return message.child.queue
  }
  const { parentQueue, parentId, outcome } = message
  const tolerant = outcome.state !== 'succeeded' && (await isTolerant(driver, parentQueue, parentId))
  await driver.childEnded(parentQueue, parentId, outcome, tolerant, parentQueue === queue ? keep : DEFAULT_KEEP)
  return parentQueue
}

async function isTolerant(driver: QueueDriver, queue: string, id: string): Promise<boolean> {
  const [parent] = await driver.get(queue, [id])
  return parent !== undefined && parent !== null && decodeSettings(parent.settings).tolerant === true
}
