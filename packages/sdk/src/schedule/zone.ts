import { DAY_MS, SECOND_MS } from './civil.ts'
import { assertTimeZone } from './time-zone.ts'

/** A stretch of real time with one UTC offset. */
export interface Span {
  /** First instant, epoch ms. The real clock change, or the edge of what was looked up at once. */
  readonly from: number
  /** First instant after it. */
  readonly until: number
  /** Local minus UTC, in ms. */
  readonly offset: number
  /**
   * All wall-clock times below this one have been shown or skipped before `from`. Above `from + offset`: the clock was
   * set back and repeats up to here. Below: it was set forward, and from here to `from + offset` is the gap.
   */
  readonly shown: number
}

/** The range of Date. */
export const MAX_INSTANT = 8.64e15
/** Looked up in one go, and kept: small enough that a first look costs about 40 questions to Intl. */
const CHUNK_MS = 128 * DAY_MS
/** Two changes closer than this are not told apart; the closest of any zone from 1970 to 2100 are 6 days apart. */
const SAMPLE_MS = 4 * DAY_MS
/** What the clock showed is followed from this long before a chunk: no clock was ever set back further. */
const LEAD_MS = 2 * DAY_MS
/** Of all zones together, about 300 bytes each; beyond it all are forgotten and looked up afresh. */
const MAX_CHUNKS = 16_384
/** More than the IANA names there are; other spellings of one name count apart. */
const MAX_ZONES = 1024
/** A formatter takes 70 kB, so only the latest are kept. */
const MAX_FORMATTERS = 32

/** The UTC offsets of one time zone, looked up lazily. */
export class Zone {
  readonly #name: string
  readonly #chunks = new Map<number, readonly Span[]>()
  #latest: Span

  constructor(name: string) {
    this.#name = name
    this.#latest = isUtc(name)
      ? { from: -Infinity, until: Infinity, offset: 0, shown: -Infinity }
      : { from: Infinity, until: -Infinity, offset: 0, shown: -Infinity }
  }

  /** The span that holds the instant. */
  spanAt(instant: number): Span {
    const latest = this.#latest
    if (instant >= latest.from && instant < latest.until) return latest
    const number = Math.floor(instant / CHUNK_MS)
    const spans = this.#chunks.get(number) ?? this.#load(number)
    for (const span of spans) {
      if (instant < span.until) {
        this.#latest = span
        return span
      }
    }
    throw new RangeError(`instant ${instant} is outside chunk ${number}`)
  }

  #load(number: number): readonly Span[] {
    if (++chunkCount > MAX_CHUNKS) forgetAll()
    const spans = spansBetween(offsetReader(this.#name), number * CHUNK_MS, (number + 1) * CHUNK_MS)
    this.#chunks.set(number, spans)
    return spans
  }
}

const zones = new Map<string, Zone>()
let chunkCount = 0

function forgetAll(): void {
  zones.clear()
  chunkCount = 0
}

/** @throws ScheduleError (field `timezone`) for what `assertTimeZone` refuses */
export function zoneOf(name: string): Zone {
  const known = zones.get(name)
  if (known !== undefined) return known
  const zone = new Zone(assertTimeZone(name))
  if (zones.size >= MAX_ZONES) forgetAll()
  zones.set(name, zone)
  return zone
}

function isUtc(name: string): boolean {
  return name === 'UTC' || name === 'Etc/UTC'
}

/** The spans of `[from, until)`, cut at both ends. Own function so that its edges can be tested on invented clocks. */
export function spansBetween(offsetAt: (instant: number) => number, from: number, until: number): readonly Span[] {
  const spans: Span[] = []
  let start = from - LEAD_MS
  let offset = offsetAt(start)
  let shown = start + offset
  const close = (end: number) => {
    const begin = Math.max(start, from)
    // Within a stretch the clock shows all times in turn: at a cut edge nothing is skipped.
    const shownThere = begin > start ? Math.max(shown, begin + offset) : shown
    if (end > from) spans.push({ from: begin, until: end, offset, shown: shownThere })
    shown = Math.max(shown, end + offset)
    start = end
  }
  for (let known = start; known < until;) {
    const sample = Math.min(known + SAMPLE_MS, until)
    const next = offsetAt(sample)
    if (next !== offset) {
      close(firstDifferent(offsetAt, known, sample, offset))
      offset = next
    }
    known = sample
  }
  if (start < until) close(until)
  return spans
}

/** The first whole second after `low` with another offset than at `low`; `high` has one. */
function firstDifferent(offsetAt: (instant: number) => number, low: number, high: number, offset: number): number {
  while (high - low > SECOND_MS) {
    const middle = low + Math.floor((high - low) / (2 * SECOND_MS)) * SECOND_MS
    if (offsetAt(middle) === offset) low = middle
    else high = middle
  }
  return high
}

const formatters = new Map<string, Intl.DateTimeFormat>()

/** Reads offsets from the ICU data inside Node, as `GMT`, `GMT-05:00` or, before standard time, `GMT-04:56:02`. */
function offsetReader(name: string): (instant: number) => number {
  let formatter = formatters.get(name)
  if (formatter === undefined) {
    if (formatters.size >= MAX_FORMATTERS) formatters.clear()
    formatter = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
    formatters.set(name, formatter)
  }
  const reader = formatter
  return (instant) => parseOffset(reader.format(Math.min(Math.max(instant, -MAX_INSTANT), MAX_INSTANT)))
}

function parseOffset(text: string): number {
  const found = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text)
  if (found === null) throw new RangeError(`no UTC offset in ${JSON.stringify(text)}`)
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = found
  const size = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * SECOND_MS
  return sign === '-' ? -size : size
}
