import { expect, it } from 'vitest'
import type { Clock } from '../../queue/clock.ts'
import type { ClaimedJob } from '../../queue/driver.ts'
import { HeldRetries } from './held-retries.ts'

interface Timer {
  readonly at: number
  readonly call: () => void
}

/** A clock that is moved by hand, with timers that go off after `longest` at the latest. */
function handClock(longest = Number.POSITIVE_INFINITY) {
  let now = 1000
  const timers = new Set<Timer>()
  const clock: Clock = {
    now: () => now,
    wall: () => now,
    after: (ms, call) => {
      const timer = { at: now + Math.min(ms, longest), call }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  }
  const advance = (ms: number): void => {
    for (const until = now + ms; ;) {
      const next = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      now = next?.at ?? until
      if (next === undefined) return
      timers.delete(next)
      next.call()
    }
  }
  return { clock, advance, timers }
}

const job = (id: string) => ({ id }) as ClaimedJob
const memo = (dueAt: number) => ({ failures: 1, firstFailedAt: 900, dueAt })

it('hands each back when it is due and not before', () => {
  const { clock, advance } = handClock()
  const due: string[] = []
  const held = new HeldRetries(clock, ({ id }) => due.push(id))
  held.add(job('late'), memo(1500))
  held.add(job('soon'), memo(1100))
  held.add(job('past'), memo(10))
  expect(held.size).toBe(3)
  advance(0)
  expect(due).toEqual(['past'])
  advance(99)
  expect(due).toEqual(['past'])
  advance(1)
  expect(due).toEqual(['past', 'soon'])
  advance(400)
  expect([due.at(-1), held.size]).toEqual(['late', 0])
})

it('waits on behind the longest time of a timer', () => {
  const { clock, advance } = handClock(100)
  const due: string[] = []
  const held = new HeldRetries(clock, ({ id }) => due.push(id))
  held.add(job('a'), memo(1350))
  advance(340)
  expect(due).toEqual([])
  advance(10)
  expect(due).toEqual(['a'])
})

it('forgets one, or all, with their timers', () => {
  const { clock, advance, timers } = handClock()
  const due: string[] = []
  const held = new HeldRetries(clock, ({ id }) => due.push(id))
  const [a, b] = [job('a'), job('b')]
  held.add(a, memo(1100))
  held.add(b, memo(1100))
  held.forget(a)
  held.forget(a)
  expect(held.size).toBe(1)
  held.clear()
  advance(1000)
  expect([due, held.size, timers.size]).toEqual([[], 0, 0])
})
