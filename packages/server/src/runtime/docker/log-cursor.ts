import type { LogChunk } from '../driver.ts'

type Stream = LogChunk['stream']
export type Verdict = 'seen' | 'new' | 'new-after-gap'

/** Where a reader stands in both streams. It is asked of each message in the order of the log. */
export interface LogCursor {
  /** For the engine: it may leave out what is older. Unix seconds with nine digits of fraction; null = everything. */
  readonly since: string | null
  /** Begins a new pass over the log. */
  rewind(): void
  /** `new` moves the cursor behind the message; `new-after-gap`: the place it stood at is gone, so something is missing. */
  take(stream: Stream, stamp: string): Verdict
  toString(): string
}

interface Mark {
  stamp: string
  /** Messages with this very stamp up to here: the parts of a long line share one. */
  count: number
}

const STREAMS = ['stdout', 'stderr'] as const
/** Stamps of the two streams are out of order by at most as long as one write of the engine's log can stall. */
const REORDER_MS = 10_000

/** Stands by time: messages of one stream have rising stamps. Survives the rotation of files, and sees it. */
export class TimeCursor implements LogCursor {
  readonly #marks: Record<Stream, Mark>
  #met: Record<Stream, number | null> = { stdout: 0, stderr: 0 }

  /** @throws RangeError when the text is not from {@link toString}. */
  constructor(text: string | null) {
    const [out, err] = text === null ? ['*0', '*0'] : text.split('|')
    this.#marks = { stdout: parseMark(out), stderr: parseMark(err) }
    this.rewind()
  }

  get since(): string | null {
    const floor = this.#floor()
    return floor === null ? null : unixTime(floor)
  }

  rewind(): void {
    const floor = this.#floor()
    const first = ({ stamp, count }: Mark) => (count === 0 || floor === null || stamp < floor ? null : 0)
    this.#met = { stdout: first(this.#marks.stdout), stderr: first(this.#marks.stderr) }
  }

  take(stream: Stream, stamp: string): Verdict {
    const mark = this.#marks[stream]
    const met = this.#met[stream]
    let gap = false
    if (met !== null) {
      if (stamp < mark.stamp) return 'seen'
      if (stamp === mark.stamp && met < mark.count) {
        this.#met[stream] = met + 1
        return 'seen'
      }
      gap = met < mark.count
      this.#met[stream] = null
    }
    if (stamp === mark.stamp) mark.count += 1
    else this.#marks[stream] = { stamp, count: 1 }
    return gap ? 'new-after-gap' : 'new'
  }

  /**
   * What is not read yet is no older than the older of both marks, and hardly older than the newer one: the engine
   * stamps both streams before it writes them one after the other.
   */
  #floor(): string | null {
    const { stdout, stderr } = this.#marks
    const [older, newer] = stdout.stamp < stderr.stamp ? [stdout.stamp, stderr.stamp] : [stderr.stamp, stdout.stamp]
    if (newer === '') return null
    const floor = `${new Date(Date.parse(newer) - REORDER_MS).toISOString().slice(0, -1)}000000Z`
    return older > floor ? older : floor
  }

  toString(): string {
    return STREAMS.map((stream) => `${this.#marks[stream].stamp}*${this.#marks[stream].count}`).join('|')
  }
}

/** Stands by number, for engines whose stamps are whole seconds. Each pass begins at the start of the log. */
export class CountCursor implements LogCursor {
  readonly since = null
  readonly #count: Record<Stream, number>
  #met: Record<Stream, number> = { stdout: 0, stderr: 0 }

  /** @throws RangeError when the text is not from {@link toString}. */
  constructor(text: string | null) {
    const parts = /^n(\d{1,15}),(\d{1,15})$/.exec(text ?? 'n0,0')
    if (parts === null) throw new RangeError(`"${text}" is no log cursor of this engine`)
    this.#count = { stdout: Number(parts[1]), stderr: Number(parts[2]) }
  }

  rewind(): void {
    this.#met = { stdout: 0, stderr: 0 }
  }

  take(stream: Stream): Verdict {
    this.#met[stream] += 1
    if (this.#met[stream] <= this.#count[stream]) return 'seen'
    this.#count[stream] = this.#met[stream]
    return 'new'
  }

  toString(): string {
    return `n${this.#count.stdout},${this.#count.stderr}`
  }
}

const STAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z$/

function parseMark(text: string | undefined): Mark {
  const star = text?.lastIndexOf('*') ?? -1
  const stamp = text?.slice(0, star) ?? ''
  const count = Number(text?.slice(star + 1))
  if (star === -1 || !Number.isSafeInteger(count) || (stamp === '' ? count !== 0 : !STAMP.test(stamp))) {
    throw new RangeError(`"${text}" is no log cursor of this engine`)
  }
  return { stamp, count }
}

function unixTime(stamp: string): string {
  const parts = STAMP.exec(stamp)
  if (parts === null) throw new RangeError(`"${stamp}" is no log time`)
  return `${Date.parse(`${parts[1]}Z`) / 1000}.${parts[2]}`
}

/**
 * The one form of a stamp: nine digits of fraction, UTC, so that text order is time order.
 * @throws RangeError when it is no RFC 3339 time.
 */
export function normalStamp(text: string): string {
  if (STAMP.test(text)) return text
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text)
  const seconds = parts === null ? Number.NaN : Date.parse(`${parts[1]}${parts[3]}`)
  if (parts === null || Number.isNaN(seconds)) throw new RangeError(`"${text.slice(0, 40)}" is no log time`)
  return `${new Date(seconds).toISOString().slice(0, 19)}.${(parts[2] ?? '').padEnd(9, '0')}Z`
}
