import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { RuntimeError, type RuntimeDriver } from '../runtime/driver.ts'

/** Wait before the engine's events are asked for again, in milliseconds. */
const RETRY_MS = 5000

export interface WatchUnits {
  readonly driver: Pick<RuntimeDriver, 'watch'>
  readonly installation: string
  readonly clock: Clock
  readonly log: Pick<Log, 'debug' | 'warn'>
  readonly signal: AbortSignal
}

/** Tells of units that exited, until the signal aborts. May miss some while the engine is away; never rejects. */
export async function watchUnits(
  { driver, installation, clock, log, signal }: WatchUnits,
  onExit: (unit: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const { name } of driver.watch(installation, signal)) onExit(name)
    } catch (error) {
      if (!signal.aborted && error instanceof RuntimeError) log.debug({ err: error }, 'the engine tells no events now')
      else if (!signal.aborted) log.warn({ err: error }, 'the events of the engine broke off')
    }
    await clock.sleep(RETRY_MS, signal)
  }
}
