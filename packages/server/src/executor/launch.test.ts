import { expect, it } from 'vitest'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { AttemptContext } from './attempt-context.ts'
import { launch } from './launch.ts'
import type { PreparedRun } from './prepared-run.ts'
import { Dropped, RunControl } from './run-control.ts'

const claimed = { id: 'run_1', fence: 1, attempt: 1, isFresh: true } as unknown as ClaimedRun
const run = { ...claimed, runningForMs: null, pastDeadline: false } as unknown as PreparedRun
const context = { driver: { inspect: () => Promise.resolve(null) } } as unknown as AttemptContext

it('lets go at once of a run that was dropped before it was started, and waits for nothing', async () => {
  const control = new RunControl(claimed)
  control.drop()
  await expect(launch(context, run, control)).rejects.toBeInstanceOf(Dropped)
})

it('ends a run that was cancelled before it was started, without starting it', async () => {
  const control = new RunControl(claimed)
  control.interrupt({ kind: 'cancel', reason: 'by-hand', by: 'somebody' })
  expect(await launch(context, run, control)).toEqual({
    kind: 'ended',
    ending: { exit: null, cut: { kind: 'cancel', reason: 'by-hand', by: 'somebody' } },
  })
})
