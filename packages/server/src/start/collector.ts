import type { Clock } from '../clock.ts'
import type { CollectLogs } from '../executor/ports.ts'
import type { Log } from '../log.ts'
import { collectLogs } from '../logs/collect.ts'
import type { LogStore } from '../logs/log-store.ts'
import { StaleLogWriterError } from '../logs/log-types.ts'
import { createRedactor } from '../logs/redact.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'

/** What the executor needs of the logs: one call per attempt, with a writer and a redactor of its own. */
export function createCollector(deps: {
  readonly driver: RuntimeDriver
  readonly logs: LogStore
  readonly clock: Clock
  readonly log: Log
}): CollectLogs {
  const { driver, logs, clock, log } = deps
  return async ({ runId, attempt, unit, secrets, signal }) => {
    try {
      const writer = await logs.writer(runId, attempt, { signal })
      await collectLogs({ driver, unit, writer, redactor: createRedactor(secrets), signal, clock, log })
    } catch (error) {
      if (!(error instanceof StaleLogWriterError)) throw error
      // Another server has the run, and its log. The executor learns the same by its fence.
      log.debug({ runId, attempt }, error.message)
    }
  }
}
