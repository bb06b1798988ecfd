import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogChunk } from '../driver.ts'
import { listSegments, segmentName, type LogRow } from './log-segments.ts'
import { errorCode } from './unit-folder.ts'

const READ_BYTES = 256 * 1024

/**
 * What is written behind the sequence, to where the files end now. A row that is still being written is left for the
 * next time. Rows whose file was removed, since nobody read them while the unit wrote its most, are told by a line.
 */
export async function* readSegments(folder: string, after: number): AsyncGenerator<LogChunk> {
  let next = after + 1
  for (const first of segmentsFrom(folder, next)) {
    if (first > next) {
      yield lostStretch(first - next, first - 1)
      next = first
    }
    for await (const row of readRows(join(folder, segmentName(first)))) {
      if (row[0] < next) continue
      next = row[0] + 1
      yield toChunk(row)
    }
  }
}

/** The segment that holds the sequence, and those behind it; of a unit that is gone none. */
function segmentsFrom(folder: string, sequence: number): number[] {
  try {
    const all = listSegments(folder)
    return all.filter((_, index) => (all[index + 1] ?? Number.POSITIVE_INFINITY) > sequence)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return []
  }
}

async function* readRows(path: string): AsyncGenerator<LogRow> {
  const file = await openIfThere(path)
  if (file === null) return
  try {
    const buffer = Buffer.alloc(READ_BYTES)
    // Bytes, not text, are held over: a read may end inside a character. A row is at most a few parts long.
    let rest = Buffer.alloc(0)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES)
      if (bytesRead === 0) return
      const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      const end = bytes.lastIndexOf(0x0a)
      rest = Buffer.from(bytes.subarray(end + 1))
      if (end === -1) continue
      for (const row of bytes.toString('utf8', 0, end).split('\n')) yield JSON.parse(row) as LogRow
    }
  } finally {
    await file.close()
  }
}

async function openIfThere(path: string) {
  try {
    return await open(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return null
  }
}

function toChunk([sequence, timeMs, stream, endOfLine, text]: LogRow): LogChunk {
  return {
    stream: stream === 1 ? 'stdout' : 'stderr',
    time: new Date(timeMs),
    text,
    endOfLine: endOfLine === 1,
    cursor: String(sequence),
  }
}

function lostStretch(parts: number, lastSequence: number): LogChunk {
  const text = `[panda: ${parts} lines are lost: they were written faster than they were read, and the disk limit was reached]`
  return { stream: 'stderr', time: new Date(), text, endOfLine: true, cursor: String(lastSequence) }
}
