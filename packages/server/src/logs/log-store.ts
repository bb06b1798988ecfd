import type { LogLine } from '@pandastack/contract'
import type { Logger } from 'pino'
import type { Database } from '../store/database.ts'
import type { LogReadQuery, LogWriter } from './log-types.ts'
import { type LogPage, readLog } from './read-log.ts'
import { DEFAULT_LOG_LIMITS, type LogLimits, StoredLogWriter } from './stored-log-writer.ts'

export interface LogStoreDeps {
  readonly db: Database
  readonly log: Pick<Logger, 'warn'>
  readonly limits?: Partial<LogLimits>
  /** Milliseconds since the epoch, for the times of the platform's own lines. Default Date.now. */
  readonly now?: () => number
}

/** The logs of runs: lines in chunks, numbered over all attempts of a run, capped with a visible mark. */
export class LogStore {
  readonly #deps: LogStoreDeps
  readonly #limits: LogLimits

  constructor(deps: LogStoreDeps) {
    this.#deps = deps
    this.#limits = { ...DEFAULT_LOG_LIMITS, ...deps.limits }
  }

  /**
   * Opens the log for writing, where the last writer of this attempt stopped, and ends that one.
   *
   * @param options.signal ends waiting for a database that is away
   * @throws StaleLogWriterError when a later attempt of the run writes already
   */
  writer(runId: string, attempt: number, options: { signal?: AbortSignal | undefined } = {}): Promise<LogWriter> {
    const { db, log, now = Date.now } = this.#deps
    const onRetry = (error: unknown): void => {
      log.warn({ err: error, run: runId }, 'a log could not be stored; trying again')
    }
    const deps = { db, limits: this.#limits, onRetry, now, signal: options.signal }
    return StoredLogWriter.open(deps, runId, attempt)
  }

  /** @returns lines in order; an unknown run has none. */
  async read(runId: string, query: LogReadQuery = {}): Promise<LogLine[]> {
    return (await this.page(runId, query)).items
  }

  /** As {@link read}, with the place to go on from. A page may be shorter than its limit when lines are long. */
  page(runId: string, query: LogReadQuery = {}): Promise<LogPage> {
    return readLog(this.#deps.db, runId, query)
  }
}
