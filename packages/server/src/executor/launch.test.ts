import { expect, it } from 'vitest'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { AttemptContext } from './attempt-context.ts'
import { launch } from './launch.ts'
import type { Hold, HoldAnswer } from './ledger.ts'
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

function holding(answer: HoldAnswer) {
  const asked: Hold[] = []
  const parts = {
    driver: { inspect: () => Promise.resolve(null), start: () => Promise.reject(new Error('it was started')) },
    images: {
      want: () => ({
        image: Promise.resolve({ image: 'sha256:1', digest: 'sha256:2' }),
        isThere: Promise.resolve(true),
        leave: () => undefined,
      }),
    },
    hold: (hold: Hold) => {
      asked.push(hold)
      return Promise.resolve(answer)
    },
  }
  const settings = { env: {}, secrets: {}, cronjobSecrets: new Map(), registries: new Map() }
  const held = { ...run, held: true, settings, overrides: {}, spec: { image: 'a', pull: 'always', env: { A: 'b' } } }
  const control = new RunControl(claimed)
  return {
    asked,
    control,
    launched: () => launch(parts as unknown as AttemptContext, held as unknown as PreparedRun, control),
  }
}

it('puts back what is held when its image is there, with all that settles what it starts later', async () => {
  const { asked, launched } = holding('held')
  expect(await launched()).toEqual({ kind: 'held' })
  expect(asked).toEqual([{ id: 'run_1', fence: 1, imageDigest: 'sha256:2', envSnapshot: { A: 'b' } }])
})

it('starts nothing that was cancelled while it was held, or that another server has', async () => {
  const cancelled = holding('cancelled')
  const cut = { kind: 'cancel', reason: 'replaced', by: null } as const
  const launched = cancelled.launched()
  cancelled.control.interrupt(cut)
  expect(await launched).toEqual({ kind: 'ended', ending: { exit: null, cut } })
  await expect(holding('stale').launched()).rejects.toBeInstanceOf(Dropped)
})
