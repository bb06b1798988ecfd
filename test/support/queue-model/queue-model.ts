import fc from 'fast-check'
import { expect } from 'vitest'
import type { QueueHarness } from '../../../packages/sdk/src/queue/driver-contract.ts'
import { expectAgreement } from './check.ts'
import { add, change, configure, exchange, goes, look, stale, timePasses } from './commands.ts'
import { Model } from './model.ts'
import { Real } from './real.ts'

const WORKERS = ['a', 'bb', 'ccc']
const GROUPS = ['g', 'h', '{x}:y', '__proto__']
const KEYS = ['k1', 'k2', '__proto__']
const MANY = 1000

const worker = fc.constantFrom(...WORKERS)
const priority = fc.constantFrom(0, 0, 0, 1, -3, 100)
const index = fc.nat({ max: MANY })
const outcome = fc.constantFrom(
  'succeeded' as const,
  'retry-soon' as const,
  'retry-late' as const,
  'dead' as const,
  'cancelled' as const,
  'released' as const,
)
const given = fc.record({
  priority,
  group: fc.option(fc.constantFrom(...GROUPS), { freq: 2 }),
  delay: fc.constantFrom('none' as const, 'none' as const, 'none' as const, 'soon' as const, 'late' as const),
  key: fc.option(fc.constantFrom(...KEYS), { freq: 2 }),
})
const outcomes = fc.array(fc.option(outcome, { freq: 4 }), { maxLength: 6 })
const want = fc.nat({ max: 5 })
const kind = fc.constantFrom(
  'cancel' as const,
  'retry' as const,
  'promote' as const,
  'edit' as const,
  'remove' as const,
)

/** Adding and exchanging is what happens most. */
const COMMANDS = [
  fc.array(given, { minLength: 1, maxLength: 4 }).map(add),
  fc.array(given, { minLength: 1, maxLength: 4 }).map(add),
  fc.tuple(worker, outcomes, want).map((args) => exchange(...args)),
  fc.tuple(worker, outcomes, want).map((args) => exchange(...args)),
  fc.tuple(worker, outcomes, want).map((args) => exchange(...args)),
  fc.tuple(index, outcome, fc.option(worker)).map((args) => stale(...args)),
  fc.tuple(worker, fc.constantFrom('crash' as const, 'leave' as const)).map((args) => goes(...args)),
  fc.constant(timePasses()),
  fc.tuple(kind, index, priority).map((args) => change(...args)),
  fc.tuple(kind, index, priority).map((args) => change(...args)),
  fc.constantFrom(true, false, false).map((paused) => configure({ paused })),
  fc.constantFrom(null, 1, 4).map((concurrency) => configure({ concurrency })),
  fc.constantFrom(1, 2, 3).map((groupConcurrency) => configure({ groupConcurrency })),
  fc.constant(look()),
]

export interface ModelRuns {
  readonly numRuns: number
  readonly maxCommands: number
}

/** What fast-check prints with a failure, to repeat it: `PANDA_SEED`, `PANDA_PATH`, `PANDA_REPLAY`. */
function repeated() {
  const { PANDA_SEED: seed, PANDA_PATH: path, PANDA_REPLAY: replayPath } = process.env
  return {
    run: { ...(seed !== undefined && { seed: Number(seed) }), ...(path !== undefined && { path }) },
    commands: replayPath === undefined ? {} : { replayPath },
  }
}

/**
 * Random commands against a driver and the model, with the same answers expected; at the end every job is brought to its
 * end. A failure is printed with the shortest list of commands that shows it.
 */
export async function expectModel(harness: QueueHarness, runs: ModelRuns): Promise<void> {
  const drivers = [await harness.open(), await harness.open()]
  const given = repeated()
  let queues = 0
  const runOnce = async (commands: Iterable<fc.AsyncCommand<Model, Real>>) => {
    queues += 1
    const model = new Model()
    const real = new Real(`model-${queues}`, drivers, (ms) => harness.advance(ms))
    await fc.asyncModelRun(() => ({ model, real }), commands)
    await expectAgreement(model, real)
    await finishAll(model, real)
    for (const name of WORKERS) await real.driverOf(name).leave(name, [real.queue])
  }
  const commands = fc.commands(COMMANDS, { maxCommands: runs.maxCommands, size: 'max', ...given.commands })
  try {
    await fc.assert(fc.asyncProperty(commands, runOnce), { numRuns: runs.numRuns, ...given.run })
  } finally {
    for (const driver of drivers) await driver.close()
  }
}

/** Nothing is stuck: with open settings, every job that waits can be run to its end. */
async function finishAll(model: Model, real: Real): Promise<void> {
  await configure({ paused: false, concurrency: null, groupConcurrency: 1 }).run(model, real)
  for (const name of WORKERS) await goes(name, 'leave').run(model, real)
  const late = model.in('scheduled', 'retrying').filter((job) => !job.soon)
  for (const job of late) await change('promote', [...model.jobs.keys()].indexOf(job.id), 0).run(model, real)
  await timePasses().run(model, real)
  const all = Array.from({ length: 10 }, () => 'succeeded' as const)
  while (model.in('queued', 'running').length > 0) {
    const before = model.in('queued', 'running').length
    await exchange('a', all, 10).run(model, real)
    await exchange('a', all, 0).run(model, real)
    expect(model.in('queued', 'running').length).toBeLessThan(before)
  }
  await expectAgreement(model, real)
}
