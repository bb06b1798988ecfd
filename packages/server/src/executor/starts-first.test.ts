import { describe, expect, it } from 'vitest'
import type { Clock } from '../clock.ts'
import { StartsFirst } from './starts-first.ts'

/** Time goes on by what is slept. */
function sleepyClock(): Clock & { nowMs: number } {
  const clock = {
    nowMs: 0,
    now: () => clock.nowMs,
    sleep: async (milliseconds: number) => {
      clock.nowMs += milliseconds
      await new Promise(setImmediate)
    },
  }
  return clock
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

describe('StartsFirst', () => {
  it('holds nobody while runs come one by one', async () => {
    const clock = sleepyClock()
    const starts = new StartsFirst(clock, () => false)
    starts.took(49)
    await starts.turn()
    expect(clock.nowMs).toBe(0)
  })

  it('holds what was started until the burst is over', async () => {
    const clock = sleepyClock()
    const starts = new StartsFirst(clock, () => false)
    starts.took(50)
    let on = false
    const held = starts.turn().then(() => (on = true))
    await turns(20)
    expect(clock.nowMs).toBeGreaterThan(200)
    expect(on).toBe(false)
    for (let run = 0; run < 50; run++) starts.prepared()
    await held
    await starts.turn()
  })

  it('waits for a pause between the batches of a burst', async () => {
    const clock = sleepyClock()
    const starts = new StartsFirst(clock, () => false)
    starts.took(50)
    for (let run = 0; run < 50; run++) starts.prepared()
    await starts.turn()
    expect(clock.nowMs).toBe(100)
  })

  it('holds while a claim is under way, however long it takes', async () => {
    const clock = sleepyClock()
    let claiming = true
    const starts = new StartsFirst(clock, () => claiming)
    starts.took(50)
    for (let run = 0; run < 50; run++) starts.prepared()
    let on = false
    const held = starts.turn().then(() => (on = true))
    await turns(20)
    expect(clock.nowMs).toBeGreaterThan(200)
    expect(on).toBe(false)
    claiming = false
    await held
  })

  it('holds for five seconds at most', async () => {
    const clock = sleepyClock()
    const starts = new StartsFirst(clock, () => false)
    starts.took(100)
    await starts.turn()
    expect(clock.nowMs).toBe(5000)
  })

  it('lets all go at a stop, and holds nobody from then on', async () => {
    const clock = sleepyClock()
    const starts = new StartsFirst(clock, () => false)
    starts.took(1000)
    const held = Promise.all(Array.from({ length: 1000 }, () => starts.turn()))
    starts.open()
    await held
    starts.took(1000)
    await starts.turn()
    expect(clock.nowMs).toBeLessThan(100)
  })
})
