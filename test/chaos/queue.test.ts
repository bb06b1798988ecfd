import { describe, expect, it } from 'vitest'
import { MAX_CRASHES } from '../../packages/sdk/src/queue/states.ts'
import { FULL, printFigures } from './figures.ts'
import { checkQueue, type QueueRule } from './queue-checker.ts'
import { type RunPlan, runUnderFaults } from './queue-run.ts'
import { postgresStore, redisStore } from './queue-stores.ts'
import { panda } from './queue-subject.ts'
import { QUEUE_RESULTS } from './result-file.ts'
import { chooseSeed } from './seeded-random.ts'

const FAULTS = FULL
  ? { jobs: 20_000, kills: 20, storeKills: 3, cuts: 3, stops: 2, spanMs: 75_000 }
  : { jobs: 1500, kills: 4, storeKills: 1, cuts: 1, stops: 1, spanMs: 9000 }
const PLAN: RunPlan = {
  ...FAULTS,
  workers: 2,
  concurrency: 20,
  handlerMs: [40, 160],
  stopMs: 13_000,
  settleMs: 120_000,
}
/**
 * A worker claims no more than its free slots, and ahead of need only what handlers of less than 20 ms would do: nothing
 * here. Results go out with the next claim, in the same call. So the store never has more jobs in its name.
 */
const HELD = PLAN.concurrency
/** The default lease is 10 s, and it is noticed within 15 s that it was not renewed. */
const RECOVERY_LIMIT_MS = 15_000

/** What SIGKILL of a Redis may cost that answers while its file is still being synced: the full run prints it. */
const MAY_FORGET = new Set<QueueRule>(['lost', 'result-lost', 'start-unexplained'])

/** A worker that had nothing left to do has its next claims written three times 200 ms later at most; twice that, busy. */
const CLAIMS_WAIT_MS = 1200

const stores = [
  ['redis', () => redisStore('always'), new Set<QueueRule>(), 0],
  ...(FULL ? ([['redis-everysec', () => redisStore('everysec'), MAY_FORGET, 0]] as const) : []),
  ['postgres', postgresStore, new Set<QueueRule>(), CLAIMS_WAIT_MS],
] as const

describe.each(stores)('a queue on %s', (name, openStore, forgiven, forgetsMs) => {
  it(`loses nothing: ${PLAN.jobs} jobs, ${PLAN.kills} workers and ${PLAN.storeKills} stores killed, ${PLAN.cuts} cuts, ${PLAN.stops} stops`, async () => {
    const seed = chooseSeed()
    process.stdout.write(`chaos-seed ${name} PANDA_SEED=${seed}\n`)
    const evidence = await runUnderFaults(panda, openStore, PLAN, seed)
    const times = { recoveryMs: RECOVERY_LIMIT_MS, forgetsMs }
    const bounds = { startsPerSilence: HELD, crashesUntilDead: MAX_CRASHES, ...times }
    const verdict = checkQueue(evidence, bounds)
    const { handlerMs, ...plan } = PLAN
    // A kill of the store may concern every worker.
    const forgetful = forgetsMs > 0 ? PLAN.storeKills * PLAN.workers : 0
    const extraStartsBound = (PLAN.kills + PLAN.stops + forgetful) * HELD
    printFigures(
      `queue-${name}`,
      { seed, ...plan, handlerMs: handlerMs.join('-'), extraStartsBound, ...verdict.figures },
      QUEUE_RESULTS,
    )
    const violations = verdict.violations.filter(({ rule }) => !forgiven.has(rule))
    expect(violations.slice(0, 20)).toEqual([])
    expect(verdict.figures.acknowledged).toBe(PLAN.jobs)
    expect(verdict.figures.extraStarts).toBeLessThanOrEqual(extraStartsBound)
  })
})
