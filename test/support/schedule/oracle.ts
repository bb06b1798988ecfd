/**
 * The first witness: brute force. Walks real minutes one by one, reads the wall, and applies the rule as it is written:
 *
 * - A schedule whose minute or hour begins with `*` runs whenever the wall matches.
 * - Any other runs each wall-clock time once: at its first showing; or, when the clock jumps over it (by less than a
 *   day), at the first minute after the jump, all jumped-over times together.
 *
 * Slow and simple on purpose; shares no code with the evaluator.
 */
import { fromStamp, MINUTE_MS } from './wall.ts'
import type { Film, WallMinute } from './wall.ts'

export interface OracleTick {
  readonly at: number
  readonly local: string
  readonly note: 'dst-gap' | 'dst-repeat' | null
}

const NAMES: Readonly<Record<string, string>> = {
  jan: '1',
  feb: '2',
  mar: '3',
  apr: '4',
  may: '5',
  jun: '6',
  jul: '7',
  aug: '8',
  sep: '9',
  oct: '10',
  nov: '11',
  dec: '12',
  sun: '0',
  mon: '1',
  tue: '2',
  wed: '3',
  thu: '4',
  fri: '5',
  sat: '6',
}

const DAY_MINUTES = 24 * 60

function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(
      /jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat/g,
      (name) => NAMES[name] ?? name,
    )
}

/** One list member without L, W, #: does it hold the value? */
function holds(part: string, value: number, min: number): boolean {
  const [range = '', step = '1'] = part.split('/')
  if (range === '*' || range === '?') return (value - min) % Number(step) === 0
  const [low = '', high = low] = range.split('-')
  return value >= Number(low) && value <= Number(high) && (value - Number(low)) % Number(step) === 0
}

function anyHolds(field: string, value: number, min: number): boolean {
  return plain(field)
    .split(',')
    .some((part) => holds(part, value, min))
}

const lengthOf = (wall: WallMinute) => new Date(Date.UTC(wall.year, wall.month, 0)).getUTCDate()
const weekdayOf = (wall: WallMinute, day: number) => new Date(Date.UTC(wall.year, wall.month - 1, day)).getUTCDay()

/** The workday nearest to `day`: tries the day, then a day before and after, then two; never leaves the month. */
function nearest(wall: WallMinute, day: number): number {
  const weekday = weekdayOf(wall, day)
  const tries = weekday === 6 ? [day - 1, day + 2] : weekday === 0 ? [day + 1, day - 2] : [day]
  return tries.find((one) => one >= 1 && one <= lengthOf(wall)) ?? day
}

function monthDayHolds(part: string, wall: WallMinute): boolean {
  const last = lengthOf(wall)
  if (part === 'l') return wall.day === last
  if (part === 'lw') return wall.day === nearest(wall, last)
  if (part.startsWith('l-')) return wall.day === last - Number(part.slice(2))
  if (part.endsWith('w')) {
    const day = Number(part.slice(0, -1))
    return day <= last && wall.day === nearest(wall, day)
  }
  return holds(part, wall.day, 1)
}

function weekdayHolds(part: string, wall: WallMinute): boolean {
  const [weekday = '', nth] = part.split('#')
  if (nth !== undefined) return Number(weekday) % 7 === wall.weekday && Math.ceil(wall.day / 7) === Number(nth)
  if (part.endsWith('l')) return Number(part.slice(0, -1)) % 7 === wall.weekday && wall.day > lengthOf(wall) - 7
  return holds(part, wall.weekday, 0) || (wall.weekday === 0 && /7/.test(part) && holds(part, 7, 0))
}

function dateHolds(monthDay: string, month: string, weekday: string, wall: WallMinute): boolean {
  if (!anyHolds(month, wall.month, 1)) return false
  const free = (field: string) => field.split(',').some((part) => ['*', '?', '*/1'].includes(part))
  const byDay = () =>
    plain(monthDay)
      .split(',')
      .some((part) => monthDayHolds(part, wall))
  const byWeekday = () =>
    plain(weekday)
      .split(',')
      .some((part) => weekdayHolds(part, wall))
  if (free(monthDay)) return free(weekday) || byWeekday()
  return free(weekday) ? byDay() : byDay() || byWeekday()
}

function valuesOf(field: string, count: number): Set<number> {
  return new Set(Array.from({ length: count }, (_, value) => value).filter((value) => anyHolds(field, value, 0)))
}

interface Expression {
  readonly seconds: readonly number[]
  readonly once: boolean
  readonly holds: (wall: WallMinute) => boolean
}

function read(expression: string): Expression {
  const fields = expression.split(' ')
  const [second = '', minute = '', hour = '', monthDay = '', month = '', weekday = ''] =
    fields.length === 6 ? fields : ['0', ...fields]
  const dates = new Map<number, boolean>()
  const date = (wall: WallMinute) => {
    const key = Math.floor(wall.stamp / DAY_MINUTES)
    const known = dates.get(key) ?? dateHolds(monthDay, month, weekday, wall)
    dates.set(key, known)
    return known
  }
  const minutes = valuesOf(minute, 60)
  const hours = valuesOf(hour, 24)
  return {
    seconds: [...valuesOf(second, 60)],
    once: !minute.startsWith('*') && !hour.startsWith('*'),
    holds: (wall) => minutes.has(wall.minute) && hours.has(wall.hour) && date(wall),
  }
}

const text = (stamp: number, second: number) => new Date(stamp * MINUTE_MS + second * 1000).toISOString().slice(0, 19)

/** All ticks in `(after, until]`. The film should begin a day before `after` and end a day after `until`. */
export function oracleTicks(expression: string, taken: Film, after: number, until: number): OracleTick[] {
  const rule = read(expression)
  const ticks: OracleTick[] = []
  const shown = new Set<number>()
  for (const [index, wall] of taken.minutes.entries()) {
    const at = taken.from + index * MINUTE_MS
    const before = taken.minutes[index - 1]
    if (at > until) break
    const found: OracleTick[] = []
    if (rule.holds(wall) && !(rule.once && shown.has(wall.stamp))) {
      const again =
        rule.once &&
        taken.minutes.slice(index + 1, index + 1 + 1.5 * DAY_MINUTES).some((later) => later.stamp === wall.stamp)
      for (const second of rule.seconds)
        found.push({ at: at + second * 1000, local: text(wall.stamp, second), note: again ? 'dst-repeat' : null })
    }
    const jump = before === undefined ? 1 : wall.stamp - before.stamp
    if (rule.once && before !== undefined && jump > 1 && jump <= DAY_MINUTES && found[0]?.at !== at) {
      for (let stamp = before.stamp + 1; stamp < wall.stamp; stamp++) {
        if (!rule.holds(fromStamp(stamp))) continue
        found.unshift({ at, local: text(stamp, rule.seconds[0] ?? 0), note: 'dst-gap' })
        break
      }
    }
    ticks.push(...found.filter((tick) => tick.at > after && tick.at <= until))
    shown.add(wall.stamp)
  }
  return ticks
}
