import type { LeaseKeeper } from '../../packages/sdk/src/queue/driver.ts'

export interface CountingPlan {
  readonly counter: SharedArrayBuffer
  /** Renewal `hangAt` of all does not come back: the thread loops, waits for ever, or only its promise stays open. */
  readonly hang?: 'loop' | 'wait' | 'await'
  readonly hangAt?: number
}

/** Counts renewals in shared memory, so that a test can read them while its own event loop is blocked. */
export async function openKeeper(config: CountingPlan): Promise<LeaseKeeper> {
  const counter = new Int32Array(config.counter)
  return {
    renew: async () => {
      const count = Atomics.add(counter, 0, 1) + 1
      Atomics.notify(counter, 0)
      if (count === config.hangAt) await hangBy(config.hang)
      return { fresh: [], cancelled: new Map([['q', ['job-1']]]) }
    },
    close: async () => void Atomics.store(counter, 1, 1),
  }
}

async function hangBy(way: CountingPlan['hang']): Promise<void> {
  if (way === 'await') return new Promise(() => undefined)
  if (way === 'wait') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  if (way === 'loop') for (;;) Math.sqrt(2)
}
