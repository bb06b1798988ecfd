export interface Frame {
  readonly stream: 'stdout' | 'stderr'
  readonly payload: Buffer
}

const HEADER_BYTES = 8
const MAX_FRAME_BYTES = 16 * 1024 * 1024

/**
 * Takes the engine's multiplexed stream apart: per message one byte of stream, three of nothing, four of length.
 * Reads no faster than it is read from.
 * @throws RangeError when the bytes are no such stream.
 */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const part of source) {
    const bytes = rest.length === 0 ? part : Buffer.concat([rest, part])
    let at = 0
    while (bytes.length - at >= HEADER_BYTES) {
      const length = bytes.readUInt32BE(at + 4)
      if (length > MAX_FRAME_BYTES) throw new RangeError(`a frame of ${length} bytes`)
      const end = at + HEADER_BYTES + length
      if (end > bytes.length) break
      yield { stream: streamOf(bytes[at]), payload: bytes.subarray(at + HEADER_BYTES, end) }
      at = end
    }
    rest = bytes.subarray(at)
  }
  if (rest.length > 0) throw new RangeError('the stream ended inside a frame')
}

function streamOf(kind: number | undefined): Frame['stream'] {
  if (kind === 1) return 'stdout'
  if (kind === 2) return 'stderr'
  throw new RangeError(`a frame of the unknown stream ${kind}`)
}
