import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import type { ServerEvent } from './route.ts'

/** Proxies close a silent connection after 30 to 60 s. */
const PING_EVERY_MS = 15_000
/** A revoked token loses its open streams after at most this long. */
export const RECHECK_EVERY_MS = 5000

export interface StreamOptions {
  readonly clock: Clock
  /** Aborts when the client has gone or the server stops; the source must end then, too. */
  readonly signal: AbortSignal
  /** Rejects when the caller may listen no longer. */
  readonly recheck: () => Promise<void>
  readonly end: (reason: unknown) => void
}

/**
 * Writes server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html) until the source ends. The source
 * is asked for the next event only when the client has taken the last one, so a slow client holds no memory of ours.
 */
export async function writeEvents(
  response: ServerResponse,
  source: AsyncIterable<ServerEvent>,
  options: StreamOptions,
): Promise<void> {
  const { signal } = options
  const stop = new AbortController()
  const helpers = Promise.all([
    every(options.clock, PING_EVERY_MS, stop.signal, () => {
      if (!response.writableNeedDrain) response.write(': ping\n\n')
    }),
    every(options.clock, RECHECK_EVERY_MS, stop.signal, () => options.recheck()).catch(options.end),
  ])
  try {
    for await (const event of source) {
      if (signal.aborted) break
      if (!response.write(format(event))) await once(response, 'drain', { signal })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    stop.abort()
    response.end()
    await helpers
  }
}

/** Does the work again and again until the signal aborts. @throws what the work throws */
export async function every(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: () => Promise<void> | void,
): Promise<void> {
  for (;;) {
    await clock.sleep(ms, signal)
    if (signal.aborted) return
    await work()
  }
}

/** `data` is one line: JSON holds no line breaks. */
function format(event: ServerEvent): string {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`
  return `event: ${event.event}\n${id}data: ${JSON.stringify(event.data)}\n\n`
}
