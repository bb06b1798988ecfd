import { PandaError } from '../errors.ts'
import type { EventEnvelope } from './envelope.ts'

/** What a handler gets beside the payload. */
export interface EventContext {
  readonly id: string
  readonly type: string
  /** When it was published. */
  readonly time: Date
  /** Who published it. */
  readonly source: string
  readonly key: string | null
  /** 1 for the first. Crashes of a process and hand-backs do not count. */
  readonly attempt: number
  /** Aborted when the attempt's time is over, and at the end of the grace of a close. */
  readonly signal: AbortSignal
  /** A line on stderr that names the event. */
  readonly log: (line: string) => void
}

/** One attempt of one event, with what ends it early. */
export class Attempt implements EventContext {
  readonly attempt: number
  /** Of a subscription with `exactlyOnce` in a database: typed by `subscribe` for those that asked for it. */
  tx: unknown = undefined
  readonly #event: EventEnvelope
  readonly #abort = new AbortController()

  constructor(event: EventEnvelope, attempt: number) {
    this.#event = event
    this.attempt = attempt
  }

  get id(): string {
    return this.#event.id
  }
  get type(): string {
    return this.#event.type
  }
  get time(): Date {
    return new Date(this.#event.time)
  }
  get source(): string {
    return this.#event.source
  }
  get key(): string | null {
    return this.#event.key
  }
  get signal(): AbortSignal {
    return this.#abort.signal
  }
  get log(): (line: string) => void {
    return (line) => void process.stderr.write(`${this.type} ${this.id}: ${line}\n`)
  }

  timeOut(ms: number): PandaError {
    const error = new PandaError('timed_out', `Event ${this.id} (${this.type}) took longer than ${ms} ms`)
    this.#abort.abort(error)
    return error
  }

  stop(): void {
    this.#abort.abort(new PandaError('closed', `The grace of the close is over: event ${this.id} was handed back`))
  }
}
