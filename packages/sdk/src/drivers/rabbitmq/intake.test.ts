import { expect, test, vi } from 'vitest'
import { Intake } from './intake.ts'

test('no more than the limit at a time, in order', () => {
  const intake = new Intake(2)
  const out: number[] = []
  for (const n of [1, 2, 3, 4]) intake.offer(() => out.push(n))
  expect(out).toEqual([1, 2])
  intake.settled()
  expect(out).toEqual([1, 2, 3])
  intake.setLimit(3)
  expect(out).toEqual([1, 2, 3, 4])
})

test('an exclusive one waits for those that run, and holds back the others until it is over', async () => {
  const intake = new Intake(5)
  const out: string[] = []
  intake.offer(() => out.push('before'))
  const drained = intake.drain(60_000).then(() => out.push('drained'))
  intake.offer(() => out.push('after'))
  expect(out).toEqual(['before'])
  intake.settled()
  await drained
  await intake.reserve(60_000, 60_000)
  expect(intake.admit(true, () => out.push('exclusive'))).toBe(true)
  intake.settled()
  expect(out).toEqual(['before', 'drained', 'exclusive'])
  intake.open()
  expect(out).toEqual(['before', 'drained', 'exclusive', 'after'])
})

test('stopped: nothing is handed out any more', () => {
  const intake = new Intake(1)
  const out: number[] = []
  intake.stop()
  intake.offer(() => out.push(1))
  expect(out).toEqual([])
})

test('a reserved place comes before all that waits, and counts', async () => {
  const intake = new Intake(1)
  const out: string[] = []
  intake.offer(() => out.push('first'))
  const reserved = intake.reserve(60_000, 60_000)
  intake.offer(() => out.push('second'))
  expect(intake.admit(false, () => out.push('too early'))).toBe(false)
  intake.settled()
  expect(await reserved).toBe(true)
  expect(out).toEqual(['first'])
  expect(await intake.reserve(60_000, 60_000)).toBe(true)
  expect(intake.admit(false, () => out.push('suspect'))).toBe(true)
  expect(intake.admit(false, () => out.push('one too many'))).toBe(false)
  intake.settled()
  expect(out).toEqual(['first', 'suspect', 'second'])
})

test('an exclusive one is not admitted beside others', () => {
  const intake = new Intake(5)
  const out: string[] = []
  intake.offer(() => out.push('first'))
  expect(intake.admit(true, () => out.push('exclusive'))).toBe(false)
  intake.settled()
  expect(intake.admit(true, () => out.push('exclusive'))).toBe(true)
  intake.offer(() => out.push('second'))
  expect(out).toEqual(['first', 'exclusive'])
  intake.settled()
  intake.open()
  expect(out).toEqual(['first', 'exclusive', 'second'])
})

test('a place that nobody came to take is free again', async () => {
  vi.useFakeTimers()
  try {
    const intake = new Intake(1)
    const out: string[] = []
    await intake.reserve(1_000, 60_000)
    intake.offer(() => out.push('next'))
    vi.advanceTimersByTime(999)
    expect(out).toEqual([])
    vi.advanceTimersByTime(1)
    expect(out).toEqual(['next'])
  } finally {
    vi.useRealTimers()
  }
})

test('a place is waited for only so long', async () => {
  const intake = new Intake(1)
  const out: string[] = []
  intake.offer(() => out.push('first'))
  expect(await intake.reserve(60_000, 1)).toBe(false)
  intake.settled()
  intake.offer(() => out.push('second'))
  expect(out).toEqual(['first', 'second'])
})

test('nothing is reserved where nothing may be handed out', async () => {
  const intake = new Intake(1)
  intake.offer(() => undefined)
  const reserved = intake.reserve(1, 60_000)
  intake.setLimit(0)
  expect(await reserved).toBe(false)
  expect(await intake.reserve(1, 60_000)).toBe(false)
})

test('who waits for a place is not left waiting by a stop or a lost channel', async () => {
  for (const end of ['stop', 'reset'] as const) {
    const intake = new Intake(1)
    intake.offer(() => undefined)
    const reserved = intake.reserve(1, 60_000)
    intake[end]()
    expect(await reserved).toBe(false)
    expect(intake.admit(true, () => undefined)).toBe(end === 'reset')
  }
})
