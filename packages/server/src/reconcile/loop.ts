import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'

export interface LoopOptions {
  readonly name: string
  /** Asked after each pass, when it is a function. */
  readonly everyMs: number | (() => number)
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  readonly signal: AbortSignal
  readonly work: () => Promise<void>
}

export interface Loop {
  /** The next pass begins now, or right after the one under way. */
  wake(): void
  /** Resolves when the signal has ended it. */
  readonly ended: Promise<void>
}

/** A pass at once, then one `everyMs` after the last or when woken, one at a time. A pass that fails is logged and tried again. */
export function startLoop({ name, everyMs, clock, log, signal, work }: LoopOptions): Loop {
  let wake = new AbortController()
  // One listener for all passes: AbortSignal.any would leave an entry on the long-lived signal each time.
  signal.addEventListener('abort', () => wake.abort(), { once: true })
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      wake = new AbortController()
      try {
        await work()
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, `${name} failed; it is tried again`)
      }
      if (!signal.aborted) await clock.sleep(typeof everyMs === 'function' ? everyMs() : everyMs, wake.signal)
    }
  }
  return { wake: () => wake.abort(), ended: run() }
}
