import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { collectLogs } from '../logs/collect.ts'
import type { LogStore } from '../logs/log-store.ts'
import { createRedactor } from '../logs/redact.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import { lazyWriter } from './lazy-writer.ts'
import type { CollectLogs } from './ports.ts'

export interface BindLogs {
  readonly store: Pick<LogStore, 'writer'>
  readonly driver: Pick<RuntimeDriver, 'logs' | 'inspect'>
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
}

/** The executor's way to the log store: each attempt gets its writer and a redactor of its secrets. */
export function bindLogs({ store, driver, clock, log }: BindLogs): CollectLogs {
  return async ({ runId, attempt, unit, secrets, note, fresh, signal }) => {
    const open = () => store.writer(runId, attempt, { signal })
    const writer = fresh ? lazyWriter(open) : await open()
    if (note !== null && fresh) await writer.mark(note)
    await collectLogs({ driver, unit, writer, redactor: createRedactor(secrets), signal, clock, log })
  }
}
