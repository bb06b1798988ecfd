import type { LogChunk, LogOptions, UnitStatus } from '../driver.ts'
import { RuntimeError } from '../driver.ts'
import { Backoff } from './backoff.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import { readFrames } from './frames.ts'
import { CountCursor, type LogCursor, TimeCursor } from './log-cursor.ts'
import { LogMessages } from './log-messages.ts'
import type { Quirks } from './quirks.ts'

/**
 * A follower that falls this far behind goes back to plain reading. The engine's follow skips a whole file when two were
 * filled since it last looked, and does not tell; a plain read shows every file that is kept, and whether the place it
 * starts from is still among them. One file takes the fastest writer longer than this.
 */
const LAG_MS = 250

export interface LogSource {
  readonly api: EngineApi
  readonly quirks: () => Promise<Quirks>
  /** The unit's state now; null = gone. */
  readonly stateOf: (signal: AbortSignal | undefined) => Promise<UnitStatus['state'] | null>
}

/**
 * The log from behind the cursor. What is there is read first; a follower then waits for more, and after its end it is
 * read once again: only what a plain read shows after the exit is the whole. With `follow` it waits out an absence of
 * the engine for as long as the signal allows.
 */
export async function* readLog(source: LogSource, name: string, options: LogOptions): AsyncGenerator<LogChunk> {
  const { signal, follow } = options
  let cursor: LogCursor | undefined
  const backoff = new Backoff()
  for (;;) {
    signal?.throwIfAborted()
    try {
      const state = follow ? await source.stateOf(signal) : 'exited'
      if (state === null) return
      cursor ??= newCursor((await source.quirks()).logCursor, options.after)
      if (state !== 'created') yield* pass(source, name, cursor, { follow: false, signal })
      if (state === 'exited') return
      backoff.reset()
      if (state === 'running') yield* pass(source, name, cursor, { follow: true, signal })
      else await backoff.pause(signal)
    } catch (error) {
      if (!follow || !(error instanceof RuntimeError) || error.code !== 'engine-away') throw error
      await backoff.pause(signal)
    }
  }
}

function newCursor(kind: Quirks['logCursor'], after: string | null): LogCursor {
  return kind === 'time' ? new TimeCursor(after) : new CountCursor(after)
}

async function* pass(
  source: LogSource,
  name: string,
  cursor: LogCursor,
  options: { readonly follow: boolean; readonly signal: AbortSignal | undefined },
): AsyncGenerator<LogChunk> {
  const { follow, signal } = options
  const { since } = cursor
  cursor.rewind()
  const query = { stdout: true, stderr: true, timestamps: true, follow, ...(since === null ? {} : { since }) }
  const path = `/containers/${encodeURIComponent(name)}/logs`
  const response = await source.api.open({ method: 'GET', path, query, signal })
  try {
    if (response.statusCode !== 200) {
      const answer = await source.api.read(response, signal)
      // Gone, or about to be.
      if (answer.status === 404 || answer.status === 409) return
      throw new RuntimeError('engine-away', `the log of ${name} cannot be read: ${refusal(answer)}`)
    }
    const messages = new LogMessages(cursor)
    const lag = new Lag()
    const frames = readFrames(response as AsyncIterable<Buffer>)
    for (;;) {
      const { value: frame, done } = await nextFrame(frames, source.api, signal)
      if (done === true) return
      const chunk = messages.next(frame)
      if (chunk === null) continue
      yield chunk
      if (follow && lag.of(chunk.time) > LAG_MS) return
    }
  } finally {
    response.destroy()
  }
}

async function nextFrame<T>(frames: AsyncGenerator<T>, api: EngineApi, signal: AbortSignal | undefined) {
  try {
    return await frames.next()
  } catch (error) {
    throw api.broken(error, signal)
  }
}

/** How much later than at best messages come: the difference of the two clocks does not count. */
class Lag {
  #leastMs = Number.POSITIVE_INFINITY

  of(time: Date): number {
    const behindMs = Date.now() - time.getTime()
    this.#leastMs = Math.min(this.#leastMs, behindMs)
    return behindMs - this.#leastMs
  }
}
