import { expect, test } from 'vitest'
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
  intake.keepClosed()
  intake.force(() => out.push('exclusive'))
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
