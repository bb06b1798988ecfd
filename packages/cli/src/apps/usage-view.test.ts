import type { InstanceUsage } from '@pandastack/contract'
import { expect, it } from 'vitest'
import { memoryOfLimit, sizeWords, unknownWords } from './usage-view.ts'

it.each([
  [0, '0'],
  [1000, '1000'],
  [1024, '1Ki'],
  [35_861_299, '34.2Mi'],
  [536_870_912, '512Mi'],
  [1_610_612_736, '1.5Gi'],
  [1_048_575, '1.0Mi'],
  [4096 * 1024 ** 4, '4096Ti'],
])('writes %i bytes for people as %s', (bytes, text) => {
  expect(sizeWords(bytes)).toBe(text)
})

const usage = (instance: string, change: Partial<InstanceUsage>): InstanceUsage => ({
  app: 'api',
  id: `ins_${instance}`,
  instance,
  revision: 1,
  memoryBytes: 1024,
  memoryLimitBytes: 4096,
  cpuCores: 0,
  cpuSeconds: 0,
  unknown: null,
  ...change,
})

it('shows memory without a limit where there is none', () => {
  expect(memoryOfLimit(usage('a', {}))).toBe('1Ki / 4Ki')
  expect(memoryOfLimit(usage('a', { memoryLimitBytes: null }))).toBe('1Ki')
  expect(memoryOfLimit(usage('a', { memoryBytes: null, memoryLimitBytes: null }))).toBe('-')
})

it('gives each reason once', () => {
  const all = [usage('a', { unknown: 'no engine' }), usage('b', {}), usage('c', { unknown: 'no engine' })]
  expect(unknownWords(all)).toEqual(['Not known of a, c: no engine.'])
})
