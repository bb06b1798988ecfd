const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const DURATION = /^(?:\d+(?:ms|s|m|h|d))+$/
const PART = /(\d+)(ms|s|m|h|d)/g

/** A year: longer waits are mistakes, and a 32-bit timer would overflow long before. */
export const MAX_DURATION_MS = 366 * 86_400_000

/**
 * Milliseconds of a duration such as `30s`, `5m`, `1h30m`, `500ms`, `2d`.
 *
 * @throws RangeError when the text is no duration or exceeds {@link MAX_DURATION_MS}.
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0
  if (text.length > 40 || !DURATION.test(text)) {
    throw new RangeError(`"${text.slice(0, 40)}" is not a duration; write 30s, 5m, 1h or 1h30m`)
  }
  let total = 0
  for (const [, count, unit] of text.matchAll(PART)) total += Number(count) * (UNIT_MS[unit ?? ''] ?? Number.NaN)
  if (!(total <= MAX_DURATION_MS)) throw new RangeError(`"${text}" is longer than 366d`)
  return total
}

/** The shortest exact form of a duration, e.g. 5400000 → `1h30m`, 0 → `0s`. */
export function formatDuration(milliseconds: number): string {
  let rest = Math.round(milliseconds)
  if (rest <= 0) return '0s'
  let text = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNIT_MS[unit] ?? 1
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return text
}
