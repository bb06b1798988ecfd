/**
 * Runs in a thread of its own and renews this process's leases, so that a handler that blocks the event loop does not lose
 * its jobs. Started by `thread-host.ts`.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from './clock.ts'
import type { KeeperPlan, LeaseKeeper } from './driver.ts'
import { RenewLoop } from './renew-loop.ts'
import type { HeldQueues, LeaseTimes, Renewal } from './renew-loop.ts'

export interface ThreadData {
  readonly plan: KeeperPlan
  readonly times: LeaseTimes
  /**
   * Two numbers of 64 bits. The main thread writes the time (ms since 1970) into the first about once a second; this thread
   * counts in the second, by which the main one sees that it does not hang.
   */
  readonly pulse: SharedArrayBuffer
  /** How often this thread counts. */
  readonly pulseMs: number
  /** When the main thread has been silent for so long, its leases are let go: it hangs. */
  readonly maxBlockMs: number
}

export type ToThread =
  | { readonly kind: 'set'; readonly round: number; readonly held: readonly HeldQueues[] }
  | { readonly kind: 'stop' }
export type FromThread =
  | { readonly kind: 'set-done'; readonly round: number }
  | { readonly kind: 'renewal'; readonly renewal: Renewal }

async function main(data: ThreadData): Promise<void> {
  const port = parentPort
  if (port === null) throw new Error('the lease thread must be started as a worker thread')
  const send = (message: FromThread): void => port.postMessage(message)
  const module = (await import(data.plan.module)) as { openKeeper(config: unknown): Promise<LeaseKeeper> }
  const keeper = await module.openKeeper(data.plan.config)
  const pulse = new BigInt64Array(data.pulse)
  const loop = new RenewLoop(
    keeper,
    data.times,
    { ...systemClock, after: (ms, call) => systemClock.after(ms, call) },
    (renewal) => send({ kind: 'renewal', renewal }),
    () => Date.now() - Number(Atomics.load(pulse, 0)) < data.maxBlockMs,
  )
  const receive = async (message: ToThread): Promise<void> => {
    if (message.kind === 'set') {
      await loop.set(message.held)
      return send({ kind: 'set-done', round: message.round })
    }
    await loop.stop()
    await keeper.close()
    port.close()
  }
  setInterval(() => void Atomics.add(pulse, 1, 1n), data.pulseMs).unref()
  port.on('message', (message: ToThread) => void receive(message))
}

await main(workerData as ThreadData)
