import type { LogStream } from '@pandastack/contract'
import type { LogChunk } from '../runtime/driver.ts'
import type { LogPosition } from './log-position.ts'

/** A longer line is stored in parts of so many UTF-16 units, each but the last with {@link SPLIT_MARK}. */
export const MAX_LINE_LENGTH = 64 * 1024
export const SPLIT_MARK = ' [line goes on: split at 64 KiB]'

export interface AssembledLine {
  readonly stream: LogStream
  /** Milliseconds since the epoch, of the line's first part. */
  readonly timeMs: number
  readonly text: string
  /** Where to read on once this line is stored; null = no change (a line of the platform's own). */
  readonly after: LogPosition | null
}

type Stream = LogChunk['stream']

interface OpenLine {
  timeMs: number
  text: string
}

/**
 * Puts the parts of lines together, per stream. It holds at most one open line per stream, each under
 * {@link MAX_LINE_LENGTH}. The same chunks give the same lines however often they are read.
 */
export class LineAssembler {
  #cursor: string | null
  #lastCursor: string | null
  /** Lines made since #cursor. */
  readonly #made: Record<Stream, number> = { stdout: 0, stderr: 0 }
  /** Lines still to come that are dealt with already. */
  readonly #skip: Record<Stream, number>
  readonly #open: Record<Stream, OpenLine | null> = { stdout: null, stderr: null }

  constructor(start: LogPosition) {
    this.#cursor = start.cursor
    this.#lastCursor = start.cursor
    this.#skip = { stdout: start.stdout, stderr: start.stderr }
  }

  /** Where to read on from. Behind it lie lines that will be left out. */
  get cursor(): string | null {
    return this.#cursor
  }

  push(chunk: LogChunk): AssembledLine[] {
    const { stream } = chunk
    const open = this.#open[stream]
    this.#lastCursor = chunk.cursor
    // The common case: one whole line, nothing open.
    if (open === null && chunk.endOfLine && chunk.text.length <= MAX_LINE_LENGTH) {
      return this.#close(stream, chunk.time.getTime(), chunk.text, [])
    }
    const line = open ?? { timeMs: chunk.time.getTime(), text: '' }
    line.text += chunk.text
    this.#open[stream] = line
    const lines: AssembledLine[] = []
    while (line.text.length > MAX_LINE_LENGTH) {
      const end = splitAt(line.text)
      this.#emit(stream, line.timeMs, line.text.slice(0, end) + SPLIT_MARK, lines)
      line.text = line.text.slice(end)
    }
    if (!chunk.endOfLine) return lines
    this.#open[stream] = null
    return this.#close(stream, line.timeMs, line.text, lines)
  }

  /** The unit writes no more: what is open are lines too. */
  finish(): AssembledLine[] {
    const lines: AssembledLine[] = []
    for (const stream of ['stdout', 'stderr'] as const) {
      const open = this.#open[stream]
      this.#open[stream] = null
      if (open !== null && open.text !== '') this.#close(stream, open.timeMs, open.text, lines)
    }
    return lines
  }

  /** Forgets open lines: the next chunk comes from {@link cursor}. */
  rewind(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#open[stream] = null
      this.#skip[stream] += this.#made[stream]
      this.#made[stream] = 0
    }
    this.#lastCursor = this.#cursor
  }

  #close(stream: Stream, timeMs: number, text: string, lines: AssembledLine[]): AssembledLine[] {
    if (this.#open.stdout === null && this.#open.stderr === null) {
      this.#cursor = this.#lastCursor
      this.#made.stdout = 0
      this.#made.stderr = 0
      // The line that is made now lies before the cursor: it is not counted behind it.
      if (this.#skip[stream] > 0) {
        this.#skip[stream] -= 1
        return lines
      }
      lines.push({ stream, timeMs, text, after: this.#position() })
      return lines
    }
    this.#emit(stream, timeMs, text, lines)
    return lines
  }

  #emit(stream: Stream, timeMs: number, text: string, lines: AssembledLine[]): void {
    this.#made[stream] += 1
    if (this.#skip[stream] > 0) this.#skip[stream] -= 1
    else lines.push({ stream, timeMs, text, after: this.#position() })
  }

  #position(): LogPosition {
    return {
      cursor: this.#cursor,
      stdout: this.#made.stdout + this.#skip.stdout,
      stderr: this.#made.stderr + this.#skip.stderr,
    }
  }
}

/** Never between the two halves of a surrogate pair. */
function splitAt(text: string): number {
  const last = text.charCodeAt(MAX_LINE_LENGTH - 1)
  return last >= 0xd800 && last <= 0xdbff ? MAX_LINE_LENGTH - 1 : MAX_LINE_LENGTH
}
