import type { Log } from '../log.ts'

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** What a shell shows for a process ended by SIGINT. */
const EXIT_INTERRUPTED = 130

/**
 * Runs until SIGTERM or SIGINT and then stops gracefully; a second signal ends the process at once. An error that nobody
 * caught is logged and ends it with code 1: a server in an unknown state must not go on.
 *
 * @param start is given a signal that aborts when the stop comes before the start is done
 * @throws what the start throws, unless it was given up by a signal
 */
export async function untilStopped(
  log: Log,
  start: (signal: AbortSignal) => Promise<{ stop(): Promise<void> }>,
): Promise<void> {
  const asked = new AbortController()
  const onSignal = (name: NodeJS.Signals): void => {
    if (asked.signal.aborted) {
      log.warn(`${name} again: ending at once`)
      process.exit(EXIT_INTERRUPTED)
    }
    log.info(`${name}: stopping; once more to end at once`)
    asked.abort(new Error(`stopped by ${name}`))
  }
  const onBug = (error: unknown): void => {
    log.fatal({ err: error }, 'an error that nobody caught')
    process.exit(1)
  }
  for (const name of STOP_SIGNALS) process.on(name, onSignal)
  process.on('uncaughtException', onBug)
  process.on('unhandledRejection', onBug)
  try {
    const server = await start(asked.signal)
    await aborted(asked.signal)
    await server.stop()
    log.info('stopped')
  } catch (error) {
    if (!asked.signal.aborted) throw error
    log.info('stopped before the start was done')
  } finally {
    for (const name of STOP_SIGNALS) process.removeListener(name, onSignal)
    process.removeListener('uncaughtException', onBug)
    process.removeListener('unhandledRejection', onBug)
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
