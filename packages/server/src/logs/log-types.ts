import type { LogLine, LogStream } from '@pandastack/contract'
import type { LogChunk } from '../runtime/driver.ts'

/**
 * Writes the log of one attempt. It is the only valid writer of the run's log: opening another one ends this one
 * (every call then throws {@link StaleLogWriterError}), so two servers can never both add lines.
 */
export interface LogWriter {
  /** Where to go on reading from: give it to `driver.logs` as `after`. Lines that are stored already are left out. */
  readonly cursor: string | null
  /**
   * Takes the next chunk, redacted. Resolves at once unless the database is slower than the unit (backpressure).
   * @throws StaleLogWriterError
   */
  write(chunk: LogChunk): Promise<void>
  /** Adds a line of the platform's own (stream `panda`): a lost stretch, a note. */
  mark(text: string): Promise<void>
  /** Forgets what was begun and not finished; the next chunk must come from {@link cursor}. After an engine outage. */
  rewind(): void
  /** Stores what is waiting. @throws StaleLogWriterError */
  flush(): Promise<void>
  /**
   * Stores what is waiting. `complete`: nothing more will come from this attempt, so an unfinished last line is stored,
   * and the mark and the tail of a log that went over its limit; without it a later writer goes on where this one was.
   */
  close(options: { complete: boolean }): Promise<void>
}

/** Another server, or this one later, has opened the log for writing. */
export class StaleLogWriterError extends Error {
  override readonly name = 'StaleLogWriterError'

  constructor(runId: string) {
    super(`the log of ${runId} is written by somebody else now`)
  }
}

export interface LogReadQuery {
  /** Only lines behind this one. Default 0. */
  readonly after?: number | undefined
  /** The newest so many lines (of those that match); `after` and `since` still hold. */
  readonly tail?: number | undefined
  readonly since?: Date | undefined
  readonly attempt?: number | undefined
  readonly stream?: LogStream | undefined
  /** Lines at most, default 1,000, at most 10,000 (100,000 with `tail`). */
  readonly limit?: number | undefined
}

export type { LogLine }
