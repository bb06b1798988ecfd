import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'

export interface SegmentLimits {
  /** A file is closed when it reaches this. */
  readonly segmentBytes: number
  /** Files kept; the oldest is removed when there is one more. So a unit takes at most the product on disk. */
  readonly segments: number
}

/** 256 MiB per unit: eight times what the store keeps of a run, for a server that is away. */
export const DEFAULT_SEGMENT_LIMITS: SegmentLimits = { segmentBytes: 8 * 1024 * 1024, segments: 32 }
/** A longer line is written in parts of this many characters at least, so that it is not held in memory. */
export const PART_LENGTH = 16 * 1024

export type OutputStream = 'stdout' | 'stderr'

/** One row of a segment, `[sequence, epoch ms, stream, end of line, text]` as JSON. Sequences have no holes. */
export type LogRow = readonly [sequence: number, timeMs: number, stream: 1 | 2, endOfLine: 0 | 1, text: string]

/** `log-000000000001.ndjson` begins with the row of sequence 1. */
export function segmentName(firstSequence: number): string {
  return `log-${String(firstSequence).padStart(12, '0')}.ndjson`
}

/** First sequences of the segments that are there, in order. */
export function listSegments(folder: string): number[] {
  const names = readdirSync(folder).flatMap((name) => /^log-(\d{12,})\.ndjson$/.exec(name)?.[1] ?? [])
  return names.map(Number).sort((a, b) => a - b)
}

/** Cuts a unit's output into rows and writes them at once, in the order in which they came. */
export class SegmentWriter {
  readonly #folder: string
  readonly #limits: SegmentLimits
  readonly #now: () => number
  readonly #parts = { stdout: new StreamParts(1), stderr: new StreamParts(2) }
  #sequence = 0
  #file: number | null = null
  #fileBytes = 0

  constructor(folder: string, limits: SegmentLimits = DEFAULT_SEGMENT_LIMITS, now: () => number = Date.now) {
    this.#folder = folder
    this.#limits = limits
    this.#now = now
  }

  write(stream: OutputStream, data: Buffer): void {
    this.#append(this.#parts[stream].push(data))
  }

  /** Writes what was never ended, and closes the file. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) this.#append(this.#parts[stream].end())
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }

  #append(parts: readonly Part[]): void {
    if (parts.length === 0) return
    const timeMs = this.#now()
    let rows = ''
    for (const { stream, text, endOfLine } of parts) {
      const row: LogRow = [this.#sequence + 1, timeMs, stream, endOfLine ? 1 : 0, text]
      this.#sequence += 1
      rows += `${JSON.stringify(row)}\n`
    }
    this.#writeRows(Buffer.from(rows), this.#sequence - parts.length + 1)
  }

  #writeRows(bytes: Buffer, firstSequence: number): void {
    if (this.#file !== null && this.#fileBytes >= this.#limits.segmentBytes) {
      closeSync(this.#file)
      this.#file = null
    }
    if (this.#file === null) {
      this.#file = openSync(join(this.#folder, segmentName(firstSequence)), 'ax', 0o600)
      this.#fileBytes = 0
      const tooMany = listSegments(this.#folder).slice(0, -this.#limits.segments)
      for (const first of tooMany) rmSync(join(this.#folder, segmentName(first)))
    }
    for (let offset = 0; offset < bytes.length;) offset += writeSync(this.#file, bytes, offset)
    this.#fileBytes += bytes.length
  }
}

interface Part {
  readonly stream: 1 | 2
  readonly text: string
  readonly endOfLine: boolean
}

/** Lines of one stream; a character that is split over two reads is put together, broken bytes are replaced. */
class StreamParts {
  readonly #stream: 1 | 2
  readonly #decoder = new StringDecoder('utf8')
  #open = ''

  constructor(stream: 1 | 2) {
    this.#stream = stream
  }

  push(data: Buffer): Part[] {
    const lines = (this.#open + this.#decoder.write(data)).split('\n')
    this.#open = lines.pop() ?? ''
    const parts = lines.map((text) => ({ stream: this.#stream, text, endOfLine: true }))
    if (this.#open.length >= PART_LENGTH) parts.push(this.#take())
    return parts
  }

  end(): Part[] {
    this.#open += this.#decoder.end()
    return this.#open === '' ? [] : [this.#take()]
  }

  #take(): Part {
    const text = this.#open
    this.#open = ''
    return { stream: this.#stream, text, endOfLine: false }
  }
}
