import { afterEach, expect } from 'vitest'
import { openMemoryQueueDriver } from '../../packages/sdk/src/drivers/memory/index.ts'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import type { QueueOptions } from '../../packages/sdk/src/queue/index.ts'

/** Opens queues, each in a memory of its own unless a driver is given, and closes them after each test. */
export function memoryQueues() {
  const opened: { close: (options?: { grace?: number }) => Promise<void> }[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((queue) => queue.close({ grace: 0 })))
  })
  return function open<T = { n?: number }, R = unknown>(options: QueueOptions<T> = {}, name = 'q'): Queue<T, R> {
    const queue = new Queue<T, R>(name, { driver: openMemoryQueueDriver(), allowUnsafeStore: true, ...options })
    opened.push(queue)
    return queue
  }
}

/** A promise and what resolves it. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => (open = resolve))
  return { promise, open }
}

/** An error with this code. */
export const code = (expected: string) => expect.objectContaining({ code: expected })
