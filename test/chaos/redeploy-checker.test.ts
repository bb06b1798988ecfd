import { expect, it } from 'vitest'
import { checkRedeploys, parseLog } from './redeploy-checker.ts'

const acks = parseLog('1 1000\n2 1100\n3 1200\n4 3000\n')

it('finds nothing where each was done once', () => {
  const effects = parseLog('1 1050 a\n3 1250 a\n2 1150 b\n4 3050 b\n')
  expect(checkRedeploys(acks, effects)).toEqual({
    acknowledged: 4,
    lost: [],
    doubled: [],
    longestGapMs: 200 - 100,
    longestPauseMs: 1800,
    instances: 2,
  })
})

it('finds what was lost, done twice, and the time in which nothing was done', () => {
  const effects = parseLog('1 1050 a\n1 1060 b\n3 2900 b\n')
  const verdict = checkRedeploys(acks, effects)
  expect(verdict).toMatchObject({ lost: [2, 4], doubled: [1], longestGapMs: 1840 })
})

it('does not count the time after the last was added', () => {
  const effects = parseLog('1 1050 a\n2 1150 a\n3 1250 a\n4 9000 a\n')
  expect(checkRedeploys(acks, effects).longestGapMs).toBe(100)
})

it('leaves out a line that was cut', () => {
  expect(parseLog('1 1000 a\n2 11')).toEqual([{ n: 1, atMs: 1000, instance: 'a' }])
  expect(parseLog('')).toEqual([])
})
