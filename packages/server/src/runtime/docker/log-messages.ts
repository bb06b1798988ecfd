import type { LogChunk } from '../driver.ts'
import type { Frame } from './frames.ts'
import { normalStamp, type LogCursor } from './log-cursor.ts'

const SPACE = 0x20
const LINE_END = 0x0a

/**
 * Turns frames (`<time> <bytes>`, with a line end unless the engine has cut a line of more than 16 KiB) into chunks
 * behind the cursor. Characters that the cut went through are put together again: the parts that are only skipped
 * pass through the decoder as well.
 */
export class LogMessages {
  readonly #cursor: LogCursor
  readonly #decoders = { stdout: newDecoder(), stderr: newDecoder() }

  constructor(cursor: LogCursor) {
    this.#cursor = cursor
  }

  /** null = read before. */
  next(frame: Frame): LogChunk | null {
    const { stream, payload } = frame
    const space = payload.indexOf(SPACE)
    const stamp = normalStamp(payload.toString('latin1', 0, space === -1 ? payload.length : space))
    const endOfLine = payload[payload.length - 1] === LINE_END
    const bytes = payload.subarray(space === -1 ? payload.length : space + 1, endOfLine ? -1 : undefined)
    const text = this.#decoders[stream].decode(bytes, { stream: !endOfLine })
    const verdict = this.#cursor.take(stream, stamp)
    if (verdict === 'seen') return null
    const chunk = { stream, time: new Date(stamp), text, endOfLine, cursor: this.#cursor.toString() }
    return verdict === 'new' ? chunk : { ...chunk, gapBefore: true }
  }
}

function newDecoder() {
  return new TextDecoder('utf-8', { ignoreBOM: true })
}
