import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { formatSize } from '@pandastack/contract'
import type { LogChunk } from '../runtime/driver.ts'
import type { Database } from '../store/database.ts'
import { isTransient } from '../store/transient.ts'
import { type AssembledLine, LineAssembler } from './line-assembler.ts'
import { lineBytes, LogBatch } from './log-batch.ts'
import { commitLog, openForWriting, type OpenedLog } from './log-statements.ts'
import { StaleLogWriterError, type LogWriter } from './log-types.ts'
import { TailRing } from './tail-ring.ts'
import type { LogPosition } from './log-position.ts'

export interface LogLimits {
  /** Stored per run from its beginning, in bytes of text. */
  readonly headBytes: number
  /** A retry may store so much even when earlier attempts used up the limit. */
  readonly attemptBytes: number
  /** The newest bytes of an attempt that went over the limit. */
  readonly tailBytes: number
  readonly batchBytes: number
  readonly batchLines: number
  /** A line waits so long at most before it is stored. */
  readonly flushMs: number
  /**
   * What the database refuses is tried again for so long. A database that is away is waited for until the writer's signal
   * ends it; the unit's output waits in the engine meanwhile.
   */
  readonly retryForMs: number
}

export const DEFAULT_LOG_LIMITS: LogLimits = {
  headBytes: 32 * 1024 * 1024,
  attemptBytes: 1024 * 1024,
  tailBytes: 256 * 1024,
  batchBytes: 256 * 1024,
  batchLines: 1000,
  flushMs: 100,
  retryForMs: 300_000,
}

/** A run tells its followers at most this often; they also look by themselves. */
const NOTIFY_EVERY_MS = 250
/** While nothing is stored, counters are saved this often; a restart reads at most so much again. */
const SAVE_COUNTERS_MS = 1000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5000

export interface StoredLogWriterDeps {
  readonly db: Database
  readonly limits: LogLimits
  /** Told of each failed try to store. */
  readonly onRetry: (error: unknown) => void
  /** Milliseconds since the epoch, for the times of marks. */
  readonly now: () => number
  readonly signal: AbortSignal | undefined
}

/** Holds at most two batches (one on its way), the tail and an open line per stream. */
export class StoredLogWriter implements LogWriter {
  readonly #deps: StoredLogWriterDeps
  readonly #runId: string
  readonly #attempt: number
  readonly #token: string
  readonly #assembler: LineAssembler
  readonly #tail: TailRing
  readonly #baseBytes: number
  /** Stored or in a batch. */
  #lines: number
  #bytes: number
  #over: boolean
  #dropped: { lines: number; bytes: number; unsaved: boolean }
  #position: LogPosition
  #batch: LogBatch
  #sending: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  #failure: { readonly error: unknown } | null = null
  #closed = false
  #notifiedAtMs = Number.NEGATIVE_INFINITY

  private constructor(deps: StoredLogWriterDeps, runId: string, attempt: number, token: string, opened: OpenedLog) {
    this.#deps = deps
    this.#runId = runId
    this.#attempt = attempt
    this.#token = token
    this.#assembler = new LineAssembler(opened.memory.position)
    this.#tail = new TailRing(deps.limits.tailBytes)
    this.#baseBytes = opened.memory.baseBytes
    this.#over = opened.memory.over
    this.#position = opened.memory.position
    this.#dropped = { lines: opened.droppedLines, bytes: opened.droppedBytes, unsaved: false }
    this.#lines = opened.lines
    this.#bytes = opened.bytes
    this.#batch = new LogBatch(this.#lines + 1, attempt)
  }

  /**
   * Waits for a database that is away like every write: a unit whose log cannot be opened would lose all of it.
   * @throws StaleLogWriterError when a later attempt writes already.
   */
  static async open(deps: StoredLogWriterDeps, runId: string, attempt: number): Promise<StoredLogWriter> {
    const token = randomUUID()
    const opened = await retrying(deps, () => openForWriting(deps.db, runId, attempt, token))
    const writer = new StoredLogWriter(deps, runId, attempt, token, opened)
    const { unsaid } = opened
    if (unsaid) {
      const limit = `; at least ${unsaid.lines} lines (${unsaid.bytes} bytes) are not stored: the log limit was reached`
      await writer.mark(`the log of attempt ${unsaid.attempt} may lack its end${unsaid.lines > 0 ? limit : ''}`)
    }
    return writer
  }

  get cursor(): string | null {
    return this.#assembler.cursor
  }

  async write(chunk: LogChunk): Promise<void> {
    this.#assertUsable()
    for (const line of this.#assembler.push(chunk)) await this.#take(line)
  }

  async mark(text: string): Promise<void> {
    this.#assertUsable()
    await this.#store({ stream: 'panda', timeMs: this.#deps.now(), text, after: null })
  }

  rewind(): void {
    this.#assembler.rewind()
  }

  async flush(): Promise<void> {
    await this.#send(false)
    await this.#sent()
  }

  async close(options: { complete: boolean }): Promise<void> {
    if (this.#closed) return
    this.#assertUsable()
    try {
      if (options.complete) {
        for (const line of this.#assembler.finish()) await this.#take(line)
        // The mark, the tail and "complete" in one statement: after a crash all of them are there or none.
        if (this.#over) this.#takeTail()
      }
      await this.#send(options.complete)
      await this.#sent()
    } finally {
      this.#closed = true
      clearTimeout(this.#timer)
    }
  }

  /** Into the head or, over the limit, into the tail. */
  async #take(line: AssembledLine): Promise<void> {
    const { limits } = this.#deps
    const bytes = lineBytes(line)
    const budget = Math.max(limits.headBytes - this.#baseBytes, limits.attemptBytes)
    if (!this.#over && this.#bytes - this.#baseBytes + bytes > budget) {
      this.#over = true
      const kept = formatSize(limits.tailBytes)
      await this.mark(`${this.#limitReached()}: from here on lines are counted, the last ${kept} are kept for the end`)
    }
    if (!this.#over) return this.#store(line)
    this.#tail.push(line, (dropped, droppedBytes) => {
      this.#dropped = { lines: this.#dropped.lines + 1, bytes: this.#dropped.bytes + droppedBytes, unsaved: true }
      if (dropped.after !== null) this.#position = dropped.after
    })
    if (this.#dropped.unsaved) this.#flushIn(SAVE_COUNTERS_MS)
  }

  #limitReached(): string {
    return `log limit of ${formatSize(this.#deps.limits.headBytes)} reached`
  }

  async #store(line: AssembledLine): Promise<void> {
    const bytes = lineBytes(line)
    const { batchBytes, batchLines, flushMs } = this.#deps.limits
    this.#append(line, bytes)
    if (this.#batch.lines >= batchLines || this.#batch.bytes >= batchBytes) await this.#send(false)
    else this.#flushIn(flushMs)
  }

  #append(line: AssembledLine, bytes: number): void {
    this.#batch.add(line, bytes)
    this.#lines += 1
    this.#bytes += bytes
    if (line.after !== null) this.#position = line.after
  }

  #takeTail(): void {
    const lines = this.#tail.drain()
    const dropped = `${this.#dropped.lines} lines (${this.#dropped.bytes} bytes) are not stored`
    const text = `${this.#limitReached()}: ${dropped}; the last ${lines.length} lines follow`
    const mark: AssembledLine = { stream: 'panda', timeMs: this.#deps.now(), text, after: null }
    for (const line of [mark, ...lines]) this.#append(line, lineBytes(line))
  }

  #flushIn(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      // A failure is kept and thrown by the next call.
      if (!this.#closed && this.#failure === null) void this.#send(false)
    }, milliseconds)
  }

  /** Starts to store the batch as soon as the one before is stored. */
  async #send(complete: boolean): Promise<void> {
    while (this.#sending !== null) await this.#sending
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#failure !== null) return
    if (this.#batch.lines === 0 && !this.#dropped.unsaved && !complete) return
    this.#sending = this.#commit(complete)
  }

  async #sent(): Promise<void> {
    while (this.#sending !== null) await this.#sending
    if (this.#failure !== null) throw this.#failure.error
  }

  /** Never rejects: what went wrong is kept for the next call. */
  async #commit(complete: boolean): Promise<void> {
    const batch = this.#batch
    this.#batch = new LogBatch(this.#lines + 1, this.#attempt)
    this.#dropped.unsaved = false
    const notify = complete || performance.now() - this.#notifiedAtMs >= NOTIFY_EVERY_MS
    const commit = {
      runId: this.#runId,
      token: this.#token,
      batch: batch.lines === 0 ? null : batch,
      expectedLines: batch.firstLine - 1,
      droppedLines: this.#dropped.lines,
      droppedBytes: this.#dropped.bytes,
      memory: { position: this.#position, baseBytes: this.#baseBytes, over: this.#over },
      complete,
      notify,
    }
    try {
      await retrying(this.#deps, () => commitLog(this.#deps.db, commit))
      if (notify) this.#notifiedAtMs = performance.now()
    } catch (error) {
      this.#failure = { error }
    } finally {
      this.#sending = null
    }
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw this.#failure.error
    if (this.#closed) throw new Error(`the log writer of ${this.#runId} is closed`)
  }
}

/**
 * Repeats until it is done, the writer is stale or the signal ends it; an error that is not the database's being away
 * also until the time is over. To give up earlier than the run would lose the rest of its log.
 */
async function retrying<T>({ signal, limits, onRetry }: StoredLogWriterDeps, work: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + limits.retryForMs
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
    try {
      return await work()
    } catch (error) {
      const hopeless = performance.now() > giveUpAt && !isTransient(error)
      if (error instanceof StaleLogWriterError || signal?.aborted || hopeless) throw error
      onRetry(error)
    }
    await delay(waitMs, undefined, signal ? { signal } : {})
  }
}
