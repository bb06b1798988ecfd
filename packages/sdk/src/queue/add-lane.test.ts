import { expect, test, vi } from 'vitest'
import { newJob } from '../../../../test/support/new-job.ts'
import { AddLane } from './add-lane.ts'
import type { Added, NewJob } from './driver.ts'

/** A lane whose store answers when it is told to. */
function world(mostFlights?: 1 | 2) {
  const batches: (readonly NewJob[])[] = []
  const answers: (() => void)[] = []
  const failures: ((error: Error) => void)[] = []
  const lane = new AddLane(
    (jobs) =>
      new Promise<readonly Added[]>((resolve, reject) => {
        batches.push(jobs)
        answers.push(() => resolve(jobs.map(({ id }) => ({ id, deduplicated: false }))))
        failures.push(reject)
      }),
    () => 0,
    mostFlights,
  )
  return { lane, batches, answers, failures }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a lone add goes at once, what comes meanwhile goes together', async () => {
  const { lane, batches, answers } = world()
  const first = lane.add(newJob())
  await turn()
  expect(batches.map(({ length }) => length)).toEqual([1])
  const others = Array.from({ length: 20 }, () => lane.add(newJob()))
  await turn()
  expect(batches).toHaveLength(1)
  answers[0]?.()
  await first
  await turn()
  expect(batches.map(({ length }) => length)).toEqual([1, 20])
  answers[1]?.()
  expect((await Promise.all(others)).map(({ id }) => id)).toEqual(batches[1]?.map(({ id }) => id))
})

test('an answer for another number of jobs is an error of every one of them', async () => {
  const lane = new AddLane(
    () => Promise.resolve([]),
    () => 0,
  )
  await expect(lane.add(newJob())).rejects.toMatchObject({ code: 'store_refused' })
})

test('settled comes with the last answer, also a failure, and nothing spins until then', async () => {
  const { lane, answers, failures } = world()
  await lane.settled()
  const first = lane.add(newJob())
  await turn()
  const second = lane.add(newJob())
  let isSettled = false
  const settled = lane.settled().then(() => (isSettled = true))
  const immediates = vi.spyOn(globalThis, 'setImmediate')
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(immediates).not.toHaveBeenCalled()
  immediates.mockRestore()
  answers[0]?.()
  await first
  await turn()
  expect(isSettled).toBe(false)
  failures[1]?.(new Error('the store is away (test)'))
  await expect(second).rejects.toThrow('away')
  await settled
  expect(isSettled).toBe(true)
})

test.each([
  [1, [1000]],
  [2, [1000, 1000]],
] as const)('with %i flights at most, many adds leave in batches in their order', async (most, atOnce) => {
  const { lane, batches, answers } = world(most)
  const jobs = Array.from({ length: 2500 }, () => newJob())
  const added = Promise.all(jobs.map((job) => lane.add(job)))
  await turn()
  expect(batches.map(({ length }) => length)).toEqual(atOnce)
  for (let n = 0; n < 3; n += 1) {
    answers[n]?.()
    await turn()
  }
  expect((await added).map(({ id }) => id)).toEqual(jobs.map(({ id }) => id))
  expect(batches.flat()).toEqual(jobs)
})
