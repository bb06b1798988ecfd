import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContractHarness, ContractSkip, SuiteContext } from './contract/harness-contract.ts'
import { suiteContext } from './contract/harness-contract.ts'
import { execTests } from './contract/exec-contract.ts'
import { lifecycleTests } from './contract/lifecycle-contract.ts'
import { logTests } from './contract/logs-contract.ts'
import { policyTests } from './contract/policy-contract.ts'
import { portTests } from './contract/ports-contract.ts'
import { stopTests } from './contract/stop-contract.ts'
import { usageTests } from './contract/usage-contract.ts'

export type { ContractHarness, ContractSkip } from './contract/harness-contract.ts'
export type { ExecProgram, Program, ProgramRequest } from './contract/programs-contract.ts'
export { shellExec, shellProgram } from './contract/programs-contract.ts'

const TESTS = {
  ...lifecycleTests,
  ...stopTests,
  ...logTests,
  ...policyTests,
  ...execTests,
  ...portTests,
  ...usageTests,
}
const TEST_TIMEOUT_MS = 120_000

/**
 * What every runtime driver must do. A new driver is done when this passes; a skip needs a written reason, and what a
 * driver says of itself in its capabilities must be what the suite sees.
 */
export function describeRuntimeDriver(
  name: string,
  factory: () => Promise<ContractHarness>,
  skips: readonly ContractSkip[] = [],
): void {
  describe(`${name} as a runtime driver`, () => {
    let harness: ContractHarness | undefined
    let context: SuiteContext | undefined

    beforeAll(async () => {
      harness = await factory()
      context = suiteContext(harness)
    })

    afterAll(async () => {
      await harness?.dispose()
    })

    it('skips only tests that exist, each with its reason', () => {
      for (const skip of skips) {
        expect(Object.keys(TESTS)).toContain(skip.test)
        expect(skip.reason.length).toBeGreaterThan(20)
      }
    })

    for (const [title, test] of Object.entries(TESTS)) {
      const skip = skips.find((one) => one.test === title)
      it.skipIf(skip !== undefined)(
        skip === undefined ? title : `${title} (${skip.reason})`,
        async () => {
          if (context === undefined) throw new Error('the harness did not start')
          await test(context)
        },
        TEST_TIMEOUT_MS,
      )
    }
  })
}
