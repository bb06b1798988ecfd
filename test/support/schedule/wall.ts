/** What a clock on the wall of a zone shows, minute by minute, as Intl tells it. Shares no code with the evaluator. */

const HOUR_MS = 3_600_000
export const MINUTE_MS = 60_000

/** A wall-clock minute; `weekday` 0 is Sunday, `stamp` counts wall-clock minutes as if they were UTC. */
export interface WallMinute {
  readonly stamp: number
  readonly year: number
  readonly month: number
  readonly day: number
  readonly weekday: number
  readonly hour: number
  readonly minute: number
}

export interface Change {
  readonly zone: string
  /** First instant of the new offset. */
  readonly at: number
  /** New minus old offset. */
  readonly shiftMinutes: number
}

type Reader = (instant: number) => WallMinute

const readers = new Map<string, Reader>()

export function wallClock(zone: string): Reader {
  const known = readers.get(zone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat('en-GB-u-ca-iso8601-nu-latn', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  })
  const reader: Reader = (instant) => {
    const numbers = format
      .formatToParts(instant)
      .flatMap((part) => (/^\d+$/.test(part.value) ? [[part.type, Number(part.value)] as const] : []))
    const get = (type: string) => numbers.find(([name]) => name === type)?.[1] ?? Number.NaN
    return fromStamp(Date.UTC(get('year'), get('month') - 1, get('day'), get('hour'), get('minute')) / MINUTE_MS)
  }
  readers.set(zone, reader)
  return reader
}

export function fromStamp(stamp: number): WallMinute {
  const date = new Date(stamp * MINUTE_MS)
  return {
    stamp,
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
  }
}

/** All changes of a zone's clock in `[from, until)`, found by asking every 24 hours and halving. */
export function changesOf(zone: string, from: number, until: number): Change[] {
  const clock = wallClock(zone)
  const offset = (instant: number) => clock(instant).stamp - Math.floor(instant / MINUTE_MS)
  const changes: Change[] = []
  let before = offset(from)
  for (let day = from; day < until; day += 24 * HOUR_MS) {
    const next = offset(day + 24 * HOUR_MS)
    if (next === before) continue
    let low = day
    let high = day + 24 * HOUR_MS
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS
      if (offset(middle) === before) low = middle
      else high = middle
    }
    changes.push({ zone, at: high, shiftMinutes: next - before })
    before = next
  }
  return changes
}

/** The real minutes of a stretch of time with what the wall showed at each. */
export interface Film {
  readonly zone: string
  readonly from: number
  readonly minutes: readonly WallMinute[]
}

export function film(zone: string, from: number, until: number): Film {
  const clock = wallClock(zone)
  const minutes: WallMinute[] = []
  for (let at = from; at < until; at += MINUTE_MS) minutes.push(clock(at))
  return { zone, from, minutes }
}
