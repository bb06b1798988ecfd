import { quote, ScheduleError } from './error.ts'
import { LINKED_ZONE_NAMES } from './zone-names.ts'

/** The longest IANA name has 32 characters. */
const MAX_NAME_LENGTH = 64

/** Lower-case spelling → IANA spelling; filled at first need (0.2 ms). */
let spellings: ReadonlyMap<string, string> | null = null

/**
 * The IANA spelling of a time zone name: `europe/berlin` gives `Europe/Berlin`; an older or linked name stays itself.
 *
 * @throws ScheduleError (field `timezone`) for an empty or unknown name, an abbreviation (`PST`) or an offset
 * (`+02:00`), with a near name where there is one
 */
export function assertTimeZone(name: string): string {
  if (typeof name !== 'string') throw new ScheduleError('timezone', 'must be a string')
  if (name === 'UTC') return name
  if (name.trim() === '')
    throw new ScheduleError('timezone', 'is empty; give an IANA name such as Europe/Berlin, or UTC')
  if (/^(UTC|GMT)?[+-]\d{1,2}(:?\d{2})?$/i.test(name) && !/^GMT[+-]0$/i.test(name)) {
    throw new ScheduleError(
      'timezone',
      `${quote(name)} is an offset, which knows no daylight saving; ${offsetHint(name)}`,
    )
  }
  const spelled = name.length > MAX_NAME_LENGTH ? undefined : ianaNames().get(name.toLowerCase())
  if (spelled !== undefined && resolve(spelled) !== null) return spelled
  const near = spelled === undefined && name.length <= MAX_NAME_LENGTH ? (resolve(name) ?? nearName(name)) : null
  const hint = near === null ? 'give an IANA name such as Europe/Berlin, or UTC' : `did you mean ${near}?`
  throw new ScheduleError('timezone', `${quote(name)} is not a known time zone; ${hint}`)
}

function ianaNames(): ReadonlyMap<string, string> {
  if (spellings === null) {
    const names = [...Intl.supportedValuesOf('timeZone'), ...LINKED_ZONE_NAMES, 'UTC']
    spellings = new Map(names.map((name) => [name.toLowerCase(), name]))
  }
  return spellings
}

/** What Intl makes of the name, or null when it knows none such. It also knows abbreviations, which we do not take. */
function resolve(name: string): string | null {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** POSIX signs: `Etc/GMT-2` is two hours ahead of UTC. */
function offsetHint(name: string): string {
  const found = /([+-])0?(\d{1,2})(?::?00)?$/.exec(name)
  const hours = found === null ? 0 : Number(found[2])
  const zone = `Etc/GMT${found?.[1] === '+' ? '-' : '+'}${hours}`
  const fixed = hours > 0 && resolve(zone) !== null ? `, or ${zone} for that fixed offset` : ', or UTC'
  return `give an IANA name such as Europe/Berlin${fixed}`
}

/** The nearest name by typing slips, in whole or by its city (`new york` → `America/New_York`). */
function nearName(name: string): string | null {
  const typed = name
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_')
  let best: string | null = null
  let bestDistance = Math.min(3, Math.floor(typed.length / 4) + 1)
  for (const [lower, spelled] of ianaNames()) {
    const city = lower.slice(lower.lastIndexOf('/') + 1)
    const distance = Math.min(slips(typed, lower, bestDistance), slips(typed, city, bestDistance))
    if (distance < bestDistance) {
      best = spelled
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein distance, with a swap of neighbours as one slip; `limit` when it is no smaller than that. */
function slips(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let older: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (older[j - 2] ?? 0) + 1)
      current.push(cost)
    }
    older = previous
    previous = current
  }
  return Math.min(previous[b.length] ?? limit, limit)
}
