import { afterEach, describe, expect, it, vi } from 'vitest'
import { newId } from './ids.ts'

describe('newId', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('makes ids that sort by the order in which they were made, and never one twice', () => {
    const ids = Array.from({ length: 20_000 }, () => newId('run'))
    expect(ids).toEqual([...new Set(ids)].sort())
    expect(ids[0]).toMatch(/^run_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
  })

  it('keeps the order while the clock is set back, and has the time in it', () => {
    vi.useFakeTimers({ now: Date.parse('2100-01-01T00:00:01Z') })
    const before = newId('run')
    expect(Number.parseInt(before.slice(4, 16), 16)).toBe(Date.parse('2100-01-01T00:00:01Z'))
    vi.setSystemTime(Date.parse('2100-01-01T00:00:00Z'))
    const after = newId('run')
    expect(after > before).toBe(true)
  })
})
