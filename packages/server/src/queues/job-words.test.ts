import { DEAD_REASONS, JOB_STATES } from '@pandastack/contract'
import * as sdk from '@pandastack/sdk/queue'
import { expect, test } from 'vitest'

/** The SDK imports nothing of ours, so the words stand twice. */
test('jobs have the same states and reasons of death in the contract and in the SDK', () => {
  expect(JOB_STATES).toEqual(sdk.JOB_STATES)
  expect(DEAD_REASONS).toEqual(sdk.DEAD_REASONS)
})
