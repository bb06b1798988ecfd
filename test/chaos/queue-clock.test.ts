import { describe, expect, it } from 'vitest'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import { freshDatabase } from '../support/postgres.ts'
import { requireProgram, runOrFail } from '../support/programs.ts'
import { startRedisServer } from '../support/redis.ts'
import { tempDir } from '../support/temp-dir.ts'
import { QueueLogs } from './queue-logs.ts'
import { panda } from './queue-subject.ts'
import { QueueWorkers } from './queue-workers.ts'

/** Longer than the lease: who judged it by a wrong clock would take the jobs away, or never. */
const HANDLER_MS = 11_000
const JOBS = 20
const HALF_HOUR_MS = 1_800_000

describe.each([
  ['redis', '+1h', startRedisServer],
  ['postgres', '-1h', freshDatabase],
] as const)('on %s, a worker whose clock is off by %s', (_name, offset, openStore) => {
  it('keeps its leases, starts no job before its time, and does each once', async () => {
    await using store = await openStore()
    await using folder = await tempDir('chaos-queue-clock')
    const logs = new QueueLogs(folder.path)
    const queue = new Queue<{ n: number }>('chaos', { url: store.url })
    const plan = {
      url: store.url,
      logs,
      module: panda.worker,
      concurrency: JOBS,
      handlerMs: [HANDLER_MS, HANDLER_MS],
    } as const
    await using wrong = new QueueWorkers({ ...plan, env: await clockOffBy(offset) })
    await using right = new QueueWorkers(plan)
    try {
      await wrong.add()
      const soon = await queue.add({ n: 0 }, { delay: '1s' })
      const later = await queue.add({ n: 1 }, { runAt: new Date(Date.now() + HALF_HOUR_MS) })
      const jobs = [soon]
      for (let n = 2; n <= JOBS; n++) jobs.push(await queue.add({ n }))
      await expect.poll(async () => (await queue.counts()).running, { timeout: 10_000 }).toBe(JOBS)
      // It sees all leases by the store's clock, and takes nothing back.
      await right.add()
      await Promise.all(jobs.map((job) => job.finished({ timeout: '40s' })))
      const { starts, effects } = logs.read()
      const ids = jobs.map(({ id }) => id).toSorted()
      expect(starts.map(({ id }) => id).toSorted()).toEqual(ids)
      expect(effects.map(({ id }) => id).toSorted()).toEqual(ids)
      for (const { at } of starts) expect(Math.abs(Date.now() - at)).toBeGreaterThan(HALF_HOUR_MS)
      expect(await later.info()).toMatchObject({ state: 'scheduled' })
      expect((await queue.stats()).totals).toMatchObject({ succeeded: JOBS, crashed: 0, failed: 0 })
    } finally {
      await queue.close()
    }
  })
})

/** Preloaded, not run through the program: that stays in between and would be killed in the worker's place. */
async function clockOffBy(offset: string): Promise<Record<string, string>> {
  const faketime = await requireProgram('faketime', 'faketime')
  const library = await runOrFail(faketime, ['-m', '-f', offset, 'printenv', 'LD_PRELOAD'])
  // Timers go on by the monotonic clock, as on a machine whose time of day is wrong.
  return { LD_PRELOAD: library.trim(), FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' }
}
