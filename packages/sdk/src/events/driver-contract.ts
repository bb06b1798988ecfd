import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { consumeTests } from './contract/consume-contract.ts'
import { deadLetterTests } from './contract/dead-letters-contract.ts'
import type { EventHarness } from './contract/harness-contract.ts'
import { onStore } from './contract/harness-contract.ts'
import { logTests } from './contract/log-contract.ts'
import { orderTests } from './contract/order-contract.ts'
import { publishTests } from './contract/publish-contract.ts'
import { settleTests } from './contract/settle-contract.ts'
import { subscriptionTests } from './contract/subscriptions-contract.ts'
import { unroutedTests } from './contract/unrouted-contract.ts'

export type { EventHarness, EventStore } from './contract/harness-contract.ts'

const TOPICS = {
  publish: publishTests,
  settle: settleTests,
  consume: consumeTests,
  subscriptions: subscriptionTests,
  unrouted: unroutedTests,
  'dead letters': deadLetterTests,
  'strict order': orderTests,
  log: logTests,
}
const TEST_TIMEOUT_MS = 60_000

/** What every event driver must do. A new broker is done when this passes. Each test has a store of its own. */
export function eventDriverContract(name: string, factory: () => Promise<EventHarness>): void {
  describe(`${name} as an event driver`, () => {
    let harness: EventHarness | undefined
    const started = (): EventHarness => {
      if (harness === undefined) throw new Error('the harness did not start')
      return harness
    }

    beforeAll(async () => {
      harness = await factory()
    })

    afterAll(async () => {
      await harness?.dispose()
    })

    it('says what it can, and what could lose events', async () => {
      await onStore(started(), async ({ driver }) => {
        expect(['rabbitmq', 'postgres', 'redis', 'memory']).toContain(driver.capabilities.name)
        for (const problem of await driver.check()) {
          expect(problem.setting).not.toBe('')
          expect(problem.message.length).toBeGreaterThan(20)
        }
      })
    })

    for (const [topic, tests] of Object.entries(TOPICS)) {
      describe(topic, () => {
        for (const [title, test] of Object.entries(tests))
          it(title, async () => onStore(started(), test), TEST_TIMEOUT_MS)
      })
    }
  })
}
