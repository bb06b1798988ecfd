import { expect, test, vi } from 'vitest'
import { systemClock } from './clock.ts'
import type { ClaimedJob, Exchange, Exchanged, JobResult } from './driver.ts'
import { ExchangeLanes } from './exchange-lanes.ts'
import type { LaneHost } from './exchange-lanes.ts'
import { DEFAULT_KEEP as KEEP } from './keep-policy.ts'

const NOTHING: Exchanged = { jobs: [], refused: [], againInMs: null, leased: true }

function claim(id: string): ClaimedJob {
  const rest = { body: '{}', settings: '', priority: 0, group: null, parent: null }
  return { id, fence: 'f', failures: 0, crashes: 0, addedAt: 0, ...rest }
}

function result(n: number): JobResult {
  return { kind: 'succeeded', job: claim(`job-${n}`), value: null }
}

interface Call {
  readonly sizes: readonly [results: number, want: number]
  answer(exchanged?: Exchanged): void
  fail(): void
}

/**
 * Lanes whose store answers when it is told to, with a worker that has room for `room` jobs.
 * @param idle whether it has nothing to do, and a store that claims quicker than it records
 */
function world(room = 0, idle: () => boolean = () => false) {
  const calls: Call[] = []
  const errors: unknown[] = []
  const call = (results: number, want: number): Promise<Exchanged> =>
    new Promise((resolve, reject) => {
      calls.push({
        sizes: [results, want],
        answer: (exchanged = NOTHING) => resolve(exchanged),
        fail: () => reject(new Error('the store is away (test)')),
      })
    })
  const send = (exchange: Exchange): Promise<Exchanged> => call(exchange.results.length, exchange.want)
  const host: LaneHost = {
    room: () => room - lanes.asked,
    buffered: () => 0,
    holding: () => [],
    claimApart: () => (idle() ? (want) => call(0, want) : null),
    answered: () => undefined,
    failed: (error) => errors.push(error),
    unleased: () => undefined,
  }
  const lanes = new ExchangeLanes(send, host, KEEP, systemClock, { apart: true, took: () => undefined })
  return { lanes, calls, errors }
}

function deliver(lanes: ExchangeLanes, count: number): void {
  for (let n = 0; n < count; n += 1) lanes.deliver(result(n))
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a batch of results goes out before the next answer is read', async () => {
  const { lanes, calls } = world()
  deliver(lanes, 500)
  expect(calls).toHaveLength(0)
  // All that the promises of this callback still add goes along.
  await Promise.resolve().then(() => deliver(lanes, 50))
  await new Promise((resolve) => process.nextTick(resolve))
  expect(calls.map(({ sizes }) => sizes)).toEqual([[550, 0]])
})

test('few results wait for the end of the turn, for others that it may bring', async () => {
  const { lanes, calls } = world()
  deliver(lanes, 31)
  lanes.plan()
  await new Promise((resolve) => process.nextTick(resolve))
  expect(calls).toHaveLength(0)
  await turn()
  expect(calls.map(({ sizes }) => sizes)).toEqual([[31, 0]])
})

test('what one lane has not taken goes with the other, never on a third', async () => {
  const { lanes, calls } = world(100)
  deliver(lanes, 40)
  await turn()
  expect(calls.map(({ sizes }) => sizes)).toEqual([
    [40, 50],
    [0, 50],
  ])
  deliver(lanes, 40)
  await turn()
  expect(calls).toHaveLength(2)
  calls[1]?.answer()
  await vi.waitFor(() => expect(calls).toHaveLength(3))
  expect(calls.map(({ sizes }) => sizes).slice(2)).toEqual([[40, 50]])
})

test('settled comes with the last answer, and nothing spins until then', async () => {
  const { lanes, calls } = world()
  deliver(lanes, 40)
  let isSettled = false
  const settled = lanes.settled().then(() => (isSettled = true))
  await turn()
  deliver(lanes, 40)
  await turn()
  const immediates = vi.spyOn(globalThis, 'setImmediate')
  calls[0]?.answer()
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(isSettled).toBe(false)
  expect(immediates.mock.calls.length).toBeLessThanOrEqual(1)
  immediates.mockRestore()
  calls[1]?.answer()
  await settled
  await lanes.settled()
})

test('a store that is away holds settled up; a stop ends it', async () => {
  const { lanes, calls, errors } = world()
  deliver(lanes, 40)
  const settled = lanes.settled()
  await turn()
  calls[0]?.fail()
  await vi.waitFor(() => expect(calls).toHaveLength(2))
  expect(errors).toHaveLength(1)
  expect(calls[1]?.sizes).toEqual([40, 0])
  lanes.stop()
  await settled
})

test('a worker with nothing left to do claims beside its results, and its next results do not wait for them', async () => {
  const { lanes, calls } = world(1, () => true)
  deliver(lanes, 1)
  lanes.plan()
  await turn()
  const apart = [
    [0, 1],
    [1, 0],
  ]
  expect(calls.map(({ sizes }) => sizes)).toEqual(apart)
  calls[0]?.answer({ ...NOTHING, jobs: [claim('next')] })
  await turn()
  deliver(lanes, 1)
  lanes.plan()
  await turn()
  expect(calls.map(({ sizes }) => sizes)).toEqual([...apart, ...apart])
  // Four answers for results are outstanding at most.
  for (let claimed = 2; claimed < 8; claimed += 2) {
    calls[claimed]?.answer({ ...NOTHING, jobs: [claim('after next')] })
    await turn()
    deliver(lanes, 1)
    lanes.plan()
    await turn()
  }
  expect(calls).toHaveLength(8)
  calls[1]?.answer()
  await vi.waitFor(() => expect(calls).toHaveLength(10))
  expect(calls.map(({ sizes }) => sizes)).toEqual([...apart, ...apart, ...apart, ...apart, ...apart])
})

test('results go with the claim when there is something to do, or when they are many', async () => {
  let isIdle = false
  const { lanes, calls } = world(1, () => isIdle)
  deliver(lanes, 1)
  lanes.plan()
  await turn()
  expect(calls.map(({ sizes }) => sizes)).toEqual([[1, 1]])
  calls[0]?.answer({ ...NOTHING, jobs: [claim('next')] })
  await turn()
  isIdle = true
  deliver(lanes, 32)
  await turn()
  expect(calls.map(({ sizes }) => sizes)).toEqual([
    [1, 1],
    [32, 1],
  ])
})

test('after a call apart has failed, what is held is told in one call that claims again', async () => {
  const { lanes, calls, errors } = world(1, () => true)
  deliver(lanes, 1)
  lanes.plan()
  await turn()
  calls[0]?.fail()
  await vi.waitFor(() => expect(errors).toHaveLength(1))
  calls[1]?.fail()
  await vi.waitFor(() => expect(calls).toHaveLength(3))
  expect(errors).toHaveLength(2)
  expect(calls[2]?.sizes).toEqual([1, 1])
  lanes.stop()
})
