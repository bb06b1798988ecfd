import type { LogLine, LogStream } from '@pandastack/contract'
import type { LogChunk } from '../runtime/driver.ts'
import type { AssembledLine } from './line-assembler.ts'

/** Lines on their way into one row of `log_chunks`. */
export class LogBatch {
  readonly firstLine: number
  readonly attempt: number
  lines = 0
  bytes = 0
  firstTimeMs = Number.POSITIVE_INFINITY
  lastTimeMs = Number.NEGATIVE_INFINITY
  readonly #rows: string[] = []

  constructor(firstLine: number, attempt: number) {
    this.firstLine = firstLine
    this.attempt = attempt
  }

  add(line: AssembledLine, bytes: number): void {
    // JSON keeps a NUL and lone surrogates out of PostgreSQL's text: both are escaped.
    this.#rows.push(JSON.stringify([this.firstLine + this.lines, this.attempt, line.stream, line.timeMs, line.text]))
    this.lines += 1
    this.bytes += bytes
    this.firstTimeMs = Math.min(this.firstTimeMs, line.timeMs)
    this.lastTimeMs = Math.max(this.lastTimeMs, line.timeMs)
  }

  body(): string {
    return this.#rows.join('\n')
  }
}

/** What a line counts against the limit: its UTF-8 bytes and its end. */
export function lineBytes(line: AssembledLine | LogChunk): number {
  return Buffer.byteLength(line.text) + 1
}

/** The lines of a stored chunk, in order. */
export function parseBody(body: string): LogLine[] {
  return body.split('\n').map((row) => {
    const [line, attempt, stream, timeMs, text] = JSON.parse(row) as [number, number, LogStream, number, string]
    return { line, attempt, stream, time: new Date(timeMs).toISOString(), text }
  })
}
