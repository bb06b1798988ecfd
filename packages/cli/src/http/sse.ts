import { setTimeout as delay } from 'node:timers/promises'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Client, Query } from './client.ts'

/** The server sends a comment every 15 s: three of them missing means that the line is dead though not cut. */
const SILENCE_MS = 45_000
/** A server that restarts is back by then; the clock starts anew with every byte received. */
const GIVE_UP_AFTER_MS = 120_000
const FIRST_WAIT_MS = 200
const LONGEST_WAIT_MS = 5000
/** The longest log line is 1 MiB; JSON escapes can make six bytes of one. */
const MAX_EVENT_CHARACTERS = 8 * 1024 * 1024

export interface StreamOptions {
  readonly query?: Query
  /** Told once per cut, with the reason, before it is tried again. */
  readonly onCut?: (reason: string) => void
  readonly signal?: AbortSignal
  /** For tests: milliseconds. */
  readonly giveUpAfterMs?: number
}

/**
 * Server-sent events over as many connections as it takes. After a cut it asks again with Last-Event-ID, so that the
 * server goes on behind the last event seen. Ends only when the consumer stops.
 *
 * @throws CliError when the server refuses (4xx) or cannot be reached for two minutes.
 */
export async function* events(
  client: Client,
  path: string,
  options: StreamOptions,
): AsyncGenerator<EventSourceMessage> {
  const giveUpAfterMs = options.giveUpAfterMs ?? GIVE_UP_AFTER_MS
  const state = { lastId: undefined as string | undefined, lastByteAt: performance.now() }
  let waitMs = FIRST_WAIT_MS
  for (;;) {
    let failure: unknown
    try {
      for await (const event of connection(client, path, options, state)) {
        waitMs = FIRST_WAIT_MS
        yield event
      }
    } catch (error) {
      if (options.signal?.aborted === true) throw error
      if (error instanceof CliError && error.exitCode !== EXIT.unreachable && !isPassing(error)) throw error
      failure = error
    }
    if (performance.now() - state.lastByteAt > giveUpAfterMs) {
      throw new CliError('the live log was cut and could not be taken up again', {
        code: 'server_unreachable',
        exitCode: EXIT.unreachable,
        hint: 'The run goes on. See `panda status`, then `panda run logs RUN --follow`.',
        cause: failure,
      })
    }
    options.onCut?.(failure instanceof Error ? failure.message : 'the server closed the stream')
    await delay(waitMs, undefined, options.signal === undefined ? {} : { signal: options.signal })
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

function isPassing(error: CliError): boolean {
  const status = error.fields.status ?? 0
  return status === 429 || status === 502 || status === 503 || status === 504 || error.code === 'timed_out'
}

async function* connection(
  client: Client,
  path: string,
  options: StreamOptions,
  state: { lastId: string | undefined; lastByteAt: number },
): AsyncGenerator<EventSourceMessage> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new Error('the stream fell silent')), SILENCE_MS)
  const signal = options.signal === undefined ? silence.signal : AbortSignal.any([silence.signal, options.signal])
  const ready: EventSourceMessage[] = []
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARACTERS,
    onEvent: (event) => void ready.push(event),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') silence.abort(error)
    },
  })
  try {
    const answer = await client.send('GET', path, {
      signal,
      timeoutMs: 2 ** 31 - 1, // the silence timer above is the limit
      headers: {
        accept: 'text/event-stream',
        ...(state.lastId === undefined ? {} : { 'last-event-id': state.lastId }),
      },
      ...(options.query === undefined ? {} : { query: options.query }),
    })
    const decoder = new TextDecoder()
    for await (const chunk of answer.stream as AsyncIterable<Uint8Array>) {
      timer.refresh()
      state.lastByteAt = performance.now()
      parser.feed(decoder.decode(chunk, { stream: true }))
      for (const event of ready.splice(0)) {
        if (event.id !== undefined && event.id !== '') state.lastId = event.id
        yield event
      }
    }
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}
