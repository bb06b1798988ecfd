const UNITS: readonly (readonly [unit: string, milliseconds: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
]

/** `in 3 d`, `5 min ago`, `now`. The largest unit that fits, rounded down: never promises to be earlier. */
export function relative(time: string | Date, now: Date): string {
  const difference = new Date(time).getTime() - now.getTime()
  const size = Math.abs(difference)
  for (const [unit, milliseconds] of UNITS) {
    if (size < milliseconds) continue
    const count = `${Math.floor(size / milliseconds)} ${unit}`
    return difference > 0 ? `in ${count}` : `${count} ago`
  }
  return 'now'
}

const two = (count: number) => String(count).padStart(2, '0')

/** `320ms`, `4.2s`, `3m20s`, `2h05m`. */
export function elapsed(milliseconds: number | null): string {
  if (milliseconds === null) return '-'
  if (milliseconds < 1000) return `${Math.round(milliseconds)}ms`
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)}s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    })
    formats.set(zone, format)
  }
  return format
}

/** `Mon 2026-11-30 08:00 Europe/Berlin`; seconds only when they are not 0. */
export function inZone(time: string | Date, zone: string): string {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(new Date(time))
      .map(({ type, value }) => [type, value]),
  )
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? ''
  const seconds = part('second') === '00' ? '' : `:${part('second')}`
  const day = `${part('year')}-${part('month')}-${part('day')}`
  return `${part('weekday')} ${day} ${part('hour')}:${part('minute')}${seconds} ${zone}`
}
