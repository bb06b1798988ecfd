import { describe, expect, it } from 'vitest'
import { manualClock } from '../../../../test/support/clock.ts'
import { MAX_UNREADABLE, UNREADABLE_RETRY_MS } from './limits.ts'
import { UnreadableCronjobs } from './unreadable-cronjobs.ts'

describe('UnreadableCronjobs', () => {
  it('gives each another try after a while', () => {
    const clock = manualClock()
    const unreadable = new UnreadableCronjobs(clock)
    unreadable.add('a')
    clock.advance(UNREADABLE_RETRY_MS / 2)
    unreadable.add('b')
    expect(unreadable.ids()).toEqual(['a', 'b'])
    clock.advance(UNREADABLE_RETRY_MS / 2)
    expect(unreadable.ids()).toEqual(['b'])
    unreadable.add('a')
    expect(unreadable.ids()).toEqual(['b', 'a'])
    clock.advance(UNREADABLE_RETRY_MS)
    expect(unreadable.ids()).toEqual([])
  })

  it('remembers no more than its limit, the newest', () => {
    const unreadable = new UnreadableCronjobs(manualClock())
    for (let n = 0; n <= MAX_UNREADABLE; n++) unreadable.add(String(n))
    expect(unreadable.ids()).toHaveLength(MAX_UNREADABLE)
    expect(unreadable.ids()[0]).toBe('1')
  })
})
