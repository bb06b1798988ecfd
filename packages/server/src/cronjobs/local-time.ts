/** Formatters kept; the names of time zones are finite, this only bounds what odd spellings add. */
const MAX_FORMATTERS = 1000
const formatters = new Map<string, Intl.DateTimeFormat>()

/**
 * The instant on the wall clock of a zone, with its offset: `2026-03-29T03:00:00+02:00`.
 *
 * @throws RangeError for an unknown zone
 */
export function formatLocalTime(at: Date, timezone: string): string {
  const parts = new Map(
    formatterOf(timezone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? ''
  // `longOffset` says "GMT" for zero and "GMT+02:00" otherwise.
  const offset = part('timeZoneName').replace('GMT', '') || '+00:00'
  return `${part('year')}-${part('month')}-${part('day')}T${part('hour')}:${part('minute')}:${part('second')}${offset}`
}

function formatterOf(timezone: string): Intl.DateTimeFormat {
  const known = formatters.get(timezone)
  if (known) return known
  const formatter = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    calendar: 'iso8601',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'longOffset',
  })
  if (formatters.size >= MAX_FORMATTERS) formatters.clear()
  formatters.set(timezone, formatter)
  return formatter
}
