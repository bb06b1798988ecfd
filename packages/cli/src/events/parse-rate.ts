import { usageError } from '../errors.ts'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

/** Per second, of `50/s`, `600/m` or `50`. @throws CliError usage */
export function parseRate(text: string): number {
  const [, count, unit = 's'] = /^(\d{1,9})(?:\/([smh]))?$/.exec(text) ?? []
  const rate = Number(count) / (SECONDS[unit] ?? 1)
  if (rate > 0) return rate
  throw usageError(`--rate: "${text}" is not a rate`, 'Write 50/s, 600/m or 1000/h.')
}
