import { usageError } from './errors.ts'

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/*
 * The contract has the same rule in parseDuration; its entry point loads zod, which costs more than all the rest of a
 * start. A test holds the two equal.
 */
/** Milliseconds of `30s`, `5m`, `1h30m`. @throws CliError `usage` that names the option. */
export function parseSpan(text: string, option: string): number {
  if (!/^(?:\d{1,9}(?:ms|s|m|h|d))+$/.test(text)) {
    throw usageError(`${option}: "${text}" is not a duration`, 'Write 30s, 5m, 1h or 1h30m.')
  }
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) total += Number(count) * (UNIT_MS[unit ?? ''] ?? 0)
  return total
}

/** A moment: RFC 3339, or how long ago as `10m`. */
export function parseSince(text: string, option: string, now: Date): string {
  if (/^\d+[a-z]/.test(text)) return new Date(now.getTime() - parseSpan(text, option)).toISOString()
  return parseMoment(text, option, ' or 10m').toISOString()
}

/** RFC 3339; a date alone is its midnight in UTC. */
export function parseMoment(text: string, option: string, orElse = ''): Date {
  const time = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/i.test(text)
    ? new Date(text)
    : null
  if (time !== null && !Number.isNaN(time.getTime())) return time
  throw usageError(`${option}: "${text}" is not a time`, `Write 2026-05-01T08:00:00Z${orElse}.`)
}
