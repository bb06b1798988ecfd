import { expect, it } from 'vitest'
import { sharedFor } from './shared-for.ts'

it('reads once for all who ask at the same time and within the time', async () => {
  let [reads, now] = [0, 0]
  const shared = sharedFor(
    1000,
    () => now,
    () => Promise.resolve(++reads),
  )
  expect(await Promise.all([shared(), shared(), shared()])).toEqual([1, 1, 1])
  now = 999
  expect(await shared()).toBe(1)
  now = 1000
  expect(await shared()).toBe(2)
})

it('waits for a slow reading instead of beginning another, and forgets one that failed', async () => {
  let [reads, now] = [0, 0]
  let fail: (error: Error) => void = () => {}
  const shared = sharedFor(
    1000,
    () => now,
    () => {
      reads++
      return new Promise<number>((_resolve, reject) => (fail = reject))
    },
  )
  const first = shared()
  now = 60_000
  const second = shared()
  expect(reads).toBe(1)
  fail(new Error('away'))
  await expect(first).rejects.toThrow('away')
  await expect(second).rejects.toThrow('away')
  const third = shared()
  fail(new Error('again'))
  await expect(third).rejects.toThrow('again')
  expect(reads).toBe(2)
})
