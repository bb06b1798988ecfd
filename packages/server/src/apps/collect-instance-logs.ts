import type { Clock } from '../clock.ts'
import { lazyWriter } from '../executor/lazy-writer.ts'
import type { CollectLogs } from '../executor/ports.ts'
import type { Log } from '../log.ts'
import { collectLogs } from '../logs/collect.ts'
import type { LogStore } from '../logs/log-store.ts'
import { createRedactor } from '../logs/redact.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import type { Database } from '../store/database.ts'
import { retryTransient } from '../store/transient.ts'
import { withoutLifecycleLines } from './lifecycle-lines.ts'
import { pruneInstanceLogs } from './prune-instances.ts'
import { noteTold } from './readiness.ts'
import { windowedWriter } from './windowed-writer.ts'

export interface CollectInstanceLogs {
  readonly db: Database
  readonly store: Pick<LogStore, 'writer'>
  readonly driver: Pick<RuntimeDriver, 'logs' | 'inspect'>
  readonly clock: Clock
  /** Of the log of one instance, in bytes. */
  readonly logKeepBytes: number
  readonly log: Pick<Log, 'warn'>
}

/** The executor's way to the log store for instances: what the SDK tells on their output is heard and kept out of the log. */
export function collectInstanceLogs(deps: CollectInstanceLogs): CollectLogs {
  const { db, store, driver, clock, log, logKeepBytes } = deps
  return async ({ runId, attempt, unit, secrets, note, fresh, signal }) => {
    const open = () => store.writer(runId, attempt, { signal })
    const stored = fresh ? lazyWriter(open) : await open()
    const window = windowedWriter(stored, {
      keepBytes: logKeepBytes,
      prune: () => retryTransient(() => pruneInstanceLogs(db, logKeepBytes, runId), { clock, signal }),
    })
    const writer = withoutLifecycleLines(window, runId, (told) =>
      retryTransient(() => noteTold(db, runId, attempt, told), { clock, signal }),
    )
    if (note !== null && fresh) await writer.mark(note)
    await collectLogs({ driver, unit, writer, redactor: createRedactor(secrets), signal, clock, log })
  }
}
