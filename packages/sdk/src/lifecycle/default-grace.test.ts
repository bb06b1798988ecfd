import { expect, it } from 'vitest'
import { defaultGraceMs } from './default-grace.ts'

it('is 30 s, and under the platform what the drain time leaves', () => {
  const graces = [{}, { PANDA_DRAIN_MS: 'soon' }, { PANDA_DRAIN_MS: '-1' }].map((env) => defaultGraceMs(env))
  expect(graces).toEqual([30_000, 30_000, 30_000])
  const drains = ['60000', '3000', '0', '86400000'].map((ms) => defaultGraceMs({ PANDA_DRAIN_MS: ms }))
  expect(drains).toEqual([58_000, 1500, 0, 86_398_000])
})
