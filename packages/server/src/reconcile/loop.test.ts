import { expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { startLoop } from './loop.ts'

function setUp(work: (pass: number) => Promise<void>, everyMs = 60_000) {
  const stop = new AbortController()
  const warned: string[] = []
  let passes = 0
  const told: (() => void)[] = []
  const loop = startLoop({
    name: 'the test',
    everyMs,
    clock: systemClock,
    log: { warn: (_o: unknown, text?: string) => warned.push(text ?? '') } as never,
    signal: stop.signal,
    work: async () => {
      passes++
      for (const resolve of told.splice(0)) resolve()
      await work(passes)
    },
  })
  const nextPass = () => new Promise<void>((resolve) => told.push(resolve))
  return { loop, stop, warned, nextPass, passes: () => passes }
}

it('passes at once, when woken, and no more after the stop', async () => {
  const { loop, stop, nextPass, passes } = setUp(() => Promise.resolve())
  expect(passes()).toBe(1)
  await new Promise((resolve) => setImmediate(resolve))
  const second = nextPass()
  loop.wake()
  await second
  expect(passes()).toBe(2)
  stop.abort()
  await loop.ended
  loop.wake()
  expect(passes()).toBe(2)
})

it('passes again after the time, also after a failure, which it tells', async () => {
  const { loop, stop, nextPass, warned } = setUp(() => Promise.reject(new Error('no')), 1)
  await nextPass()
  await nextPass()
  stop.abort()
  await loop.ended
  expect(warned[0]).toBe('the test failed; it is tried again')
})
