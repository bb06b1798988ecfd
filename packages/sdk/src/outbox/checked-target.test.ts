import { afterEach, expect, test, vi } from 'vitest'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { PandaError } from '../errors.ts'
import { newJob } from '../queue/job-options.ts'
import { CheckedTarget } from './checked-target.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const job = () => newJob('{}', {}, {})

test('the store is looked at before the first job, and again only after a failure', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const driver = openMemoryQueueDriver()
  const check = vi.spyOn(driver, 'check').mockRejectedValueOnce(new PandaError('store_away', 'away (test)'))
  const target = new CheckedTarget(driver, false)
  await expect(target.add('q', [job()])).rejects.toMatchObject({ code: 'store_away' })
  expect((await driver.stats('q')).counts.queued).toBe(0)
  await target.add('q', [job()])
  await target.add('q', [job()])
  expect(check).toHaveBeenCalledTimes(2)
  expect((await driver.stats('q')).counts.queued).toBe(2)
  expect(warn).toHaveBeenCalledTimes(1)
  await target.close()
})

test('in production a store that can lose jobs gets none, unless that is accepted', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  const driver = openMemoryQueueDriver()
  await expect(new CheckedTarget(driver, false).add('q', [job()])).rejects.toMatchObject({ code: 'unsafe_store' })
  await new CheckedTarget(driver, true).add('q', [job()])
  expect((await driver.stats('q')).counts.queued).toBe(1)
  await driver.close()
})
