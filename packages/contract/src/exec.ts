/**
 * The conversation of `panda app exec` once its connection is upgraded: frames in both directions, each one byte of kind,
 * four bytes of length (big endian), the payload. The client begins with `start`; the server ends with `end`.
 */
export const EXEC_PROTOCOL = 'panda-exec'

export const EXEC_FRAMES = {
  /** Client: JSON, `execStartSchema`. */
  start: 0,
  /** Client: bytes for standard input; none of them = its end. */
  stdin: 1,
  /** Client: JSON, `terminalSizeSchema`. */
  resize: 2,
  stdout: 3,
  stderr: 4,
  /** Server: JSON, `execEndSchema`; the last frame. */
  end: 5,
  /** Server, now and then: proxies close a silent connection, and a client notices one that is dead. */
  ping: 6,
} as const
export type ExecFrameKind = keyof typeof EXEC_FRAMES

/** The server pings so often, milliseconds. */
export const EXEC_PING_MS = 15_000

export interface ExecFrame {
  readonly kind: ExecFrameKind
  readonly payload: Buffer
}

const HEADER_BYTES = 5
const MAX_PAYLOAD_BYTES = 2 * 1024 * 1024
const KINDS = new Map<number, ExecFrameKind>(
  Object.entries(EXEC_FRAMES).map(([kind, byte]) => [byte, kind as ExecFrameKind]),
)

export function execFrame(kind: ExecFrameKind, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(EXEC_FRAMES[kind])
  header.writeUInt32BE(payload.length, 1)
  return Buffer.concat([header, payload])
}

/** Bytes for `kind` in frames that are not too long. No bytes, no frame. */
export function* execFrames(kind: ExecFrameKind, bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += MAX_PAYLOAD_BYTES) {
    yield execFrame(kind, bytes.subarray(at, at + MAX_PAYLOAD_BYTES))
  }
}

/**
 * Takes the frames out of a connection, reading no faster than it is read from. Kinds of a later version are left out.
 *
 * @throws RangeError when the bytes are no such conversation, or end inside a frame
 */
export async function* readExecFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<ExecFrame> {
  let parts: Uint8Array[] = []
  let length = 0
  let wanted = HEADER_BYTES
  for await (const part of source) {
    parts.push(part)
    length += part.length
    // Parts are joined when a frame is whole, not for each of the many that a large one comes in.
    if (length < wanted) continue
    let bytes = Buffer.concat(parts)
    for (;;) {
      wanted = bytes.length < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + payloadLength(bytes)
      if (bytes.length < wanted) break
      const kind = KINDS.get(bytes.readUInt8())
      if (kind !== undefined) yield { kind, payload: bytes.subarray(HEADER_BYTES, wanted) }
      bytes = bytes.subarray(wanted)
    }
    parts = bytes.length === 0 ? [] : [bytes]
    length = bytes.length
  }
  if (length > 0) throw new RangeError('the connection ended inside a frame')
}

function payloadLength(bytes: Buffer): number {
  const length = bytes.readUInt32BE(1)
  if (length > MAX_PAYLOAD_BYTES) throw new RangeError(`a frame of ${length} bytes`)
  return length
}
