import type { InstanceUsage } from '@pandastack/contract'
import type { Column } from '../output/table.ts'

/** One row of `panda app stats`. */
export const USAGE_COLUMNS: readonly Column<InstanceUsage>[] = [
  { head: 'INSTANCE', cell: ({ instance }) => instance },
  { head: 'APP', cell: ({ app }) => app, dispensable: 2 },
  { head: 'REVISION', cell: ({ revision }) => String(revision), dispensable: 1, right: true },
  { head: 'CPU', cell: (usage) => cpuWords(usage), right: true },
  { head: 'MEMORY', cell: (usage) => memoryWords(usage), right: true },
  { head: 'LIMIT', cell: ({ memoryLimitBytes: limit }) => (limit === null ? '-' : sizeWords(limit)), right: true },
  { head: 'MEMORY %', cell: shareOf, right: true },
]

export const WIDE_USAGE_COLUMNS: readonly Column<InstanceUsage>[] = [
  {
    head: 'CPU TIME',
    cell: ({ cpuSeconds }) => (cpuSeconds === null ? '-' : `${cpuSeconds.toFixed(1)}s`),
    right: true,
  },
  { head: 'NOT KNOWN', cell: ({ unknown }) => unknown ?? '-' },
]

/** Of one core, as `docker stats` says it; `-` = not known. */
export function cpuWords({ cpuCores }: Pick<InstanceUsage, 'cpuCores'>): string {
  return cpuCores === null ? '-' : `${(cpuCores * 100).toFixed(1)}%`
}

export function memoryWords({ memoryBytes }: Pick<InstanceUsage, 'memoryBytes'>): string {
  return memoryBytes === null ? '-' : sizeWords(memoryBytes)
}

function shareOf({ memoryBytes, memoryLimitBytes }: InstanceUsage): string {
  if (memoryBytes === null || memoryLimitBytes === null) return '-'
  return `${((memoryBytes / memoryLimitBytes) * 100).toFixed(1)}%`
}

/** `34.2Mi / 512Mi`. */
export function memoryOfLimit(usage: InstanceUsage): string {
  const used = memoryWords(usage)
  return usage.memoryLimitBytes === null ? used : `${used} / ${sizeWords(usage.memoryLimitBytes)}`
}

const UNITS = ['', 'Ki', 'Mi', 'Gi', 'Ti'] as const

/** Rounded for people: `34.2Mi`, `512Mi`, `1.5Gi`. */
export function sizeWords(bytes: number): string {
  let size = bytes
  let unit = 0
  // What would be rounded up to 1024 of a unit is one of the next.
  while (size >= 1023.95 && unit < UNITS.length - 1) {
    size /= 1024
    unit += 1
  }
  const text = unit === 0 || Number.isInteger(size) ? String(size) : size.toFixed(1)
  return `${text}${UNITS[unit] ?? ''}`
}

/** Each reason why something is not known, once, with those that it is about. */
export function unknownWords(items: readonly InstanceUsage[]): string[] {
  const reasons = new Map<string, string[]>()
  for (const { instance, unknown } of items) {
    if (unknown !== null) reasons.set(unknown, [...(reasons.get(unknown) ?? []), instance])
  }
  return [...reasons].map(([why, names]) => `Not known of ${names.join(', ')}: ${why}.`)
}
