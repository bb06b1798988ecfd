import { expect, it } from 'vitest'
import { toUsage } from './usage.ts'

const read = '2026-11-29T10:00:00.250000000Z'
const atMs = Date.parse('2026-11-29T10:00:00.250Z')
const cpu_stats = { cpu_usage: { total_usage: 1_234_567_890 } }
const limit = 536_870_912

it.each([
  ['version 1', { total_inactive_file: 4_000_000, inactive_file: 1_000_000 }],
  ['version 2', { inactive_file: 4_000_000, active_file: 9_000_000 }],
])('counts no file pages that were not used lately, on control groups of %s', (_, stats) => {
  const memory_stats = { usage: 24_000_000, limit, stats }
  expect(toUsage({ read, cpu_stats, memory_stats })).toEqual({
    memoryBytes: 20_000_000,
    memoryLimitBytes: limit,
    cpuNanoseconds: 1_234_567_890,
    atMs,
  })
})

it('takes what the kernel charges where no details are told, or where they cannot be right', () => {
  for (const stats of [undefined, null, {}, { inactive_file: 25_000_000 }]) {
    const usage = toUsage({ read, cpu_stats, memory_stats: { usage: 24_000_000, limit, stats } })
    expect(usage?.memoryBytes).toBe(24_000_000)
  }
})

it('knows no limit where the engine says the largest number there is, or 0', () => {
  for (const none of [0, 2 ** 63, 2 ** 64, null]) {
    expect(toUsage({ read, cpu_stats, memory_stats: { usage: 1, limit: none } })?.memoryLimitBytes).toBeNull()
  }
})

it('says what the kernel does not count', () => {
  const usage = { memoryBytes: null, memoryLimitBytes: null, cpuNanoseconds: 1_234_567_890, atMs }
  const why = 'the engine counts no memory on this machine'
  expect(toUsage({ read, cpu_stats, memory_stats: {} })).toEqual({ ...usage, why })
  const neither = { ...usage, cpuNanoseconds: null, why: 'the engine counts no memory and no CPU time on this machine' }
  expect(toUsage({ read })).toEqual(neither)
})

it('tells nothing of a container that does not run', () => {
  const memory_stats = {}
  expect(
    toUsage({ read: '0001-01-01T00:00:00Z', cpu_stats: { cpu_usage: { total_usage: 0 } }, memory_stats }),
  ).toBeNull()
})
