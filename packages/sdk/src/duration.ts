import { PandaError } from './errors.ts'

/** Milliseconds, or a text such as `500ms`, `30s`, `5m`, `1h`, `2d`. */
export type Duration = number | string

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** What timers can wait for at most (2^31 - 1 ms, 24.8 days); longer waits are made of several. */
export const MAX_TIMER_MS = 2_147_483_647

/**
 * @param option the name of the option, for the message
 * @returns whole milliseconds, 0 or more
 * @throws PandaError invalid_option
 */
export function durationMs(value: Duration, option: string): number {
  const ms = typeof value === 'number' ? value : parse(value)
  if (!Number.isFinite(ms) || ms < 0) {
    throw new PandaError('invalid_option', `${option} must be a duration, not ${JSON.stringify(value)}`, {
      hint: 'Use milliseconds, or a text such as 500ms, 30s, 5m, 1h.',
    })
  }
  return Math.round(ms)
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  const unit = UNIT_MS[match?.[2] ?? '']
  return match?.[1] === undefined || unit === undefined ? Number.NaN : Number(match[1]) * unit
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** For people: the two largest units, e.g. `2h5m`; below a second in ms. */
export function durationText(ms: number): string {
  const whole = Math.max(0, Math.round(ms))
  if (whole < 1000) return `${whole}ms`
  const first = UNITS.findIndex(([, size]) => whole >= size)
  let rest = whole
  let text = ''
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) text += `${count}${unit}`
  }
  return text
}
