import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { QueueDriver } from './driver.ts'
import { addTests } from './contract/add-contract.ts'
import { changeTests } from './contract/change-contract.ts'
import { crowdTests } from './contract/crowd-contract.ts'
import { exchangeTests } from './contract/exchange-contract.ts'
import { flowTests } from './contract/flows-contract.ts'
import { glanceTests } from './contract/glance-contract.ts'
import type { QueueHarness } from './contract/harness-contract.ts'
import { contextOf } from './contract/harness-contract.ts'
import { keepTests } from './contract/keep-contract.ts'
import { leaseTests } from './contract/leases-contract.ts'
import { noteTests } from './contract/notes-contract.ts'
import { orderTests } from './contract/order-contract.ts'
import { readTests } from './contract/read-contract.ts'
import { scheduleTests } from './contract/schedules-contract.ts'
import { settingsTests } from './contract/settings-contract.ts'
import { signalTests } from './contract/signals-contract.ts'

export type { QueueHarness } from './contract/harness-contract.ts'

const TOPICS = {
  add: addTests,
  exchange: exchangeTests,
  leases: leaseTests,
  glance: glanceTests,
  order: orderTests,
  change: changeTests,
  read: readTests,
  settings: settingsTests,
  notes: noteTests,
  signals: signalTests,
  flows: flowTests,
  schedules: scheduleTests,
  keep: keepTests,
  crowd: crowdTests,
}
const TEST_TIMEOUT_MS = 60_000

/**
 * What every queue driver must do. A new store is done when this passes. The harness is made once per suite; each test has
 * queues of its own.
 */
export function queueDriverContract(name: string, factory: () => Promise<QueueHarness>): void {
  describe(`${name} as a queue driver`, () => {
    let harness: QueueHarness | undefined
    let drivers: [QueueDriver, QueueDriver] | undefined
    const opened: QueueDriver[] = []

    beforeAll(async () => {
      harness = await factory()
      drivers = [await harness.open(), await harness.open()]
    })

    afterEach(async () => {
      for (const driver of opened.splice(0)) await driver.close()
    })

    afterAll(async () => {
      for (const driver of drivers ?? []) await driver.close()
      await harness?.dispose()
    })

    it('says what it can, and what could lose data', async () => {
      if (drivers === undefined) throw new Error('the harness did not start')
      const [driver] = drivers
      expect(['redis', 'postgres', 'memory']).toContain(driver.capabilities.name)
      expect(driver.addWithin === undefined).toBe(!driver.capabilities.transactions)
      for (const problem of await driver.check()) {
        expect(problem.setting).not.toBe('')
        expect(problem.message.length).toBeGreaterThan(20)
      }
    })

    for (const [topic, tests] of Object.entries(TOPICS)) {
      describe(topic, () => {
        for (const [title, test] of Object.entries(tests)) {
          it(
            title,
            async () => {
              if (harness === undefined || drivers === undefined) throw new Error('the harness did not start')
              await test(contextOf(harness, drivers, opened))
            },
            TEST_TIMEOUT_MS,
          )
        }
      })
    }
  })
}
