import { expect } from 'vitest'
import type { JobRecord, QueueDriver } from '../../../packages/sdk/src/queue/driver.ts'
import { JOB_STATES } from '../../../packages/sdk/src/queue/states.ts'
import type { Model, ModelJob } from './model.ts'
import type { Real } from './real.ts'

const PAGE = 7

/** Every job is there once, in the state that is expected, and the counters agree. */
export async function expectAgreement(model: Model, real: Real): Promise<void> {
  const ids = [...model.jobs.keys()]
  const records = await real.driver.get(real.queue, ids)
  for (const [index, job] of [...model.jobs.values()].entries()) expectRecord(job, records[index])
  const listed: string[] = []
  for (const state of JOB_STATES) listed.push(...(await listAll(real.driver, real.queue, state)))
  expect(listed.toSorted()).toEqual(ids.toSorted())
  const { counts, totals } = await real.driver.stats(real.queue)
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(ids.length)
  for (const state of ['running', 'succeeded', 'cancelled', 'dead'] as const) {
    expect(counts[state], state).toBe(model.in(state).length)
  }
  expect(totals).toEqual(model.totals)
}

function expectRecord(job: ModelJob, record: JobRecord | null | undefined): void {
  if (record === null || record === undefined) throw new Error(`job ${job.id} (${job.state}) is lost`)
  const states = job.soon ? [job.state, 'queued'] : [job.state]
  expect(states, `state of ${job.id}`).toContain(record.state)
  const { id, priority, body, group, failures, crashes, worker } = job
  expect(record).toMatchObject({ id, priority, body, group, failures, crashes })
  if (record.state === 'running') expect(record.worker).toBe(worker)
}

/** A job that moves while pages are read may be seen in two states or in none: nothing else runs here, so none may. */
async function listAll(driver: QueueDriver, queue: string, state: (typeof JOB_STATES)[number]): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<QueueDriver['list']>> = await driver.list(queue, {
      state,
      limit: PAGE,
      ...(cursor !== null && { cursor }),
    })
    ids.push(...page.jobs.map((job) => job.id))
    cursor = page.cursor
  } while (cursor !== null)
  return ids
}
