import type { Readable, Writable } from 'node:stream'

/** A stream to write to, with what a terminal adds. */
export type Sink = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }
export type Source = Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown }

/** All that a command sees of the outside, so that tests can stand in for a terminal. */
export interface Io {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly stdin: Source
  readonly env: NodeJS.ProcessEnv
  now(): Date
  /** Calls back on Ctrl-C until the returned function is called. A second Ctrl-C ends the process at once. */
  onInterrupt(listener: () => void): () => void
}

/** Resolves when the stream can take more, so that a fast log does not pile up in memory before a slow reader. */
export async function write(sink: Writable, text: string | Uint8Array): Promise<void> {
  if (sink.destroyed || sink.writableEnded) return
  if (sink.write(text)) return
  await new Promise<void>((resolve) => {
    const done = () => {
      sink.off('drain', done)
      sink.off('close', done)
      sink.off('error', done)
      resolve()
    }
    sink.on('drain', done)
    sink.on('close', done)
    sink.on('error', done)
  })
}

/** More than any value that may be stored (32 KiB each), less than what would hurt. */
const MAX_STDIN_BYTES = 1024 * 1024

/** All of standard input as text. @throws RangeError when it is longer than 1 MiB. */
export async function readAll(source: Source): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk as Buffer | string)
    size += bytes.length
    if (size > MAX_STDIN_BYTES) throw new RangeError('standard input holds more than 1 MiB')
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}
