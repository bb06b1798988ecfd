import { PandaError } from '@pandastack/contract'

/** An instance, as far as a reader of its app's log is concerned. */
export interface LoggingInstance {
  readonly id: string
  /** Microseconds since the epoch, by the database's clock. */
  readonly createdAt: number
  /** Ended for so long that its log grows no more. */
  readonly over: boolean
}

/** Of an id, its end: enough to tell the instances of an app apart. */
const KEY_LENGTH = 12
const TEXT = /^1((?:\.[0-9a-f]{12}-\d{1,15})*)\.(\d{1,16})$/

/**
 * How far the log of an app has been read: the last line of each instance that may still write, and when the newest known
 * one was made. So an instance that is not named is a new one, to be read from its start, or one that is read to its end.
 * Its text is the id of an event, and small however many instances an app has had.
 */
export class AppLogPosition {
  readonly #lines = new Map<string, number>()
  #newest = 0

  /** @throws PandaError `invalid_request` */
  static parse(text: string): AppLogPosition {
    const match = TEXT.exec(text)
    if (match === null) {
      const message = 'is not the id of a line of an app'
      throw new PandaError('invalid_request', `Last-Event-ID ${message}.`, {
        errors: [{ path: 'last-event-id', message }],
      })
    }
    const position = new AppLogPosition()
    position.#newest = Number(match[2])
    for (const part of (match[1] ?? '').split('.').slice(1)) {
      const [key = '', line] = part.split('-')
      position.#lines.set(key, Number(line))
    }
    return position
  }

  /** Takes in the instances that are new, to be read from their start. */
  meet(instances: readonly LoggingInstance[]): void {
    for (const { id, createdAt } of instances) {
      if (createdAt > this.#newest && !this.#lines.has(keyOf(id))) this.#lines.set(keyOf(id), 0)
    }
    this.#newest = instances.reduce((newest, { createdAt }) => Math.max(newest, createdAt), this.#newest)
  }

  /** The last line that was read; null = all of it, for good. */
  of(id: string): number | null {
    return this.#lines.get(keyOf(id)) ?? null
  }

  reach(id: string, line: number): void {
    this.#lines.set(keyOf(id), line)
  }

  /** It is over and read to its end. */
  finish(id: string): void {
    this.#lines.delete(keyOf(id))
  }

  toString(): string {
    const lines = [...this.#lines].map(([key, line]) => `.${key}-${line}`)
    return `1${lines.join('')}.${this.#newest}`
  }
}

function keyOf(id: string): string {
  return id.slice(-KEY_LENGTH)
}

/** One list out of several: by time, but within each list the order stays, whatever its times say. */
export function mergeByTime<T extends { readonly time: string }>(lists: readonly (readonly T[])[]): T[] {
  const rest = lists.filter((list) => list.length > 0).map((list) => ({ list, next: 0 }))
  const merged: T[] = []
  while (rest.length > 0) {
    let first = 0
    for (let at = 1; at < rest.length; at += 1) if (timeOf(rest[at]) < timeOf(rest[first])) first = at
    const from = rest[first]
    const item = from?.list[from.next]
    if (from === undefined || item === undefined) break
    merged.push(item)
    from.next += 1
    if (from.next === from.list.length) rest.splice(first, 1)
  }
  return merged
}

function timeOf(of: { list: readonly { readonly time: string }[]; next: number } | undefined): string {
  return of?.list[of.next]?.time ?? ''
}
