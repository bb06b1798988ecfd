import { expect, it } from 'vitest'
import type { ClaimedJob, JobRecord } from '../../queue/driver.ts'
import { attemptsOf, memoOf, resultOf } from './results.ts'

const job = { id: 'a', fence: '1' } as ClaimedJob
const dead = (change: Partial<JobRecord>): JobRecord =>
  ({ failures: 1, crashes: 0, progress: null, reason: 'attempts', ...change }) as JobRecord
const memo = JSON.stringify({ failures: 2, firstFailedAt: 5, dueAt: 9 })

it('says in the words of the engine what became of a delivery', () => {
  expect(resultOf(job, { kind: 'done' })).toEqual({ kind: 'succeeded', job, value: null })
  expect(resultOf(job, { kind: 'retry', delayMs: -1, error: 'e' })).toEqual({
    kind: 'retry',
    job,
    delayMs: 0,
    error: 'e',
  })
  expect(resultOf(job, { kind: 'dead', reason: 'expired', error: 'e' })).toEqual({
    kind: 'dead',
    job,
    reason: 'expired',
    error: 'e',
  })
  expect(resultOf(job, { kind: 'released' })).toEqual({ kind: 'released', job })
})

it.each([
  ['its last attempt', dead({ failures: 3 }), 3],
  ['a final error at once', dead({ reason: 'final' }), 1],
  ['a payload that does not fit', dead({ reason: 'payload' }), 0],
  ['being too old after a failure', dead({ reason: 'expired', failures: 2 }), 1],
  ['crashes that the engine counted', dead({ reason: 'crashes', failures: 1, crashes: 3 }), 1],
  ['crashes that its handler told of', dead({ reason: 'crashes', failures: 1, crashes: 2 }), 0],
  ['the last attempt after two that were held', dead({ progress: memo }), 3],
])('counts the calls of the handler that failed before %s', (_, record, attempts) => {
  expect(attemptsOf(record)).toBe(attempts)
})

it('reads what an earlier consumer noted', () => {
  expect(memoOf({ progress: null })).toBeNull()
  expect(memoOf({ progress: memo })).toEqual({ failures: 2, firstFailedAt: 5, dueAt: 9 })
})
