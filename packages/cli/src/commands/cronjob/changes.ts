import type { Cronjob } from '@pandastack/contract'
import { plain } from '../../output/clean.ts'

const FIELDS = [
  'image',
  'entrypoint',
  'command',
  'schedule',
  'timezone',
  'concurrency',
  'missed',
  'missedLimit',
  'deadline',
  'timeout',
  'grace',
  'retry',
  'jitter',
  'memory',
  'cpus',
  'pull',
  'keep',
  'suspended',
] as const satisfies readonly (keyof Cronjob)[]

/** `schedule: 0 8 * * 1 → 30 8 * * 1` for each field that differs. Values of variables are not shown. */
export function describeChanges(before: Cronjob, after: Cronjob): string[] {
  const changes: string[] = []
  for (const field of FIELDS) {
    const [old, now] = [written(before[field]), written(after[field])]
    if (old !== now) changes.push(`${field}: ${old} → ${now}`)
  }
  const names = new Set([...Object.keys(before.env), ...Object.keys(after.env)])
  for (const name of names) {
    const [had, has] = [Object.hasOwn(before.env, name), Object.hasOwn(after.env, name)]
    if (had && !has) changes.push(`env ${name}: removed`)
    else if (!had) changes.push(`env ${name}: set`)
    else if (before.env[name] !== after.env[name]) changes.push(`env ${name}: changed`)
  }
  return changes
}

function written(value: unknown): string {
  if (value === null) return 'none'
  return plain(typeof value === 'string' ? value : JSON.stringify(value))
}
