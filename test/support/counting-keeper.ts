import type { LeaseKeeper } from '../../packages/sdk/src/queue/driver.ts'

/** Counts renewals in shared memory, so that a test can read them while its own event loop is blocked. */
export async function openKeeper(config: { readonly counter: SharedArrayBuffer }): Promise<LeaseKeeper> {
  const counter = new Int32Array(config.counter)
  return {
    renew: async () => {
      Atomics.add(counter, 0, 1)
      Atomics.notify(counter, 0)
      return { fresh: [], cancelled: new Map([['q', ['job-1']]]) }
    },
    close: async () => void Atomics.store(counter, 1, 1),
  }
}
