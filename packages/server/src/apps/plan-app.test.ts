import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AppPlan, MAX_CRASHES, planApp, type PlannedApp, type PlannedInstance } from './plan-app.ts'

const app = (change: Partial<PlannedApp> = {}): PlannedApp => ({
  replicas: 2,
  stopped: false,
  deleted: false,
  revision: 2,
  state: 'deploying',
  readyTimeout: '2m',
  deployingForMs: 1000,
  readyRevision: 1,
  port: null,
  readyPort: null,
  ...change,
})
const instance = (revision: number, slot: number, change: Partial<PlannedInstance> = {}): PlannedInstance => ({
  id: `r${revision}s${slot}`,
  revision,
  slot,
  ready: true,
  crashes: 0,
  ending: false,
  starting: [],
  message: null,
  refused: false,
  port: null,
  held: null,
  ...change,
})
const old = [instance(1, 1), instance(1, 2)]
const NOTHING: AppPlan = { create: [], cancel: [], release: [], verdict: null }
const ids = (plan: AppPlan) => plan.cancel.map(({ id, reason }) => `${id} ${reason}`)

describe('a deploy', () => {
  it('starts the new instances beside the old ones', () => {
    const plan = planApp(app(), old)
    expect(plan).toEqual({
      create: [
        { revision: 2, slot: 1, after: null },
        { revision: 2, slot: 2, after: null },
      ],
      cancel: [],
      release: [],
      verdict: null,
    })
  })

  it('ends the old ones when all new ones are ready, not before', () => {
    const half = [...old, instance(2, 1), instance(2, 2, { ready: false })]
    expect(planApp(app(), half)).toEqual(NOTHING)
    const all = [...old, instance(2, 1), instance(2, 2)]
    const plan = planApp(app(), all)
    expect(plan.verdict).toEqual({ state: 'ready' })
    expect(ids(plan)).toEqual(['r1s1 replaced', 'r1s2 replaced'])
    expect(plan.cancel[0]?.replacedBy).toBe(2)
  })

  it('fails when an instance crashes too often before it is ready, and the old ones stay', () => {
    const crashing = instance(2, 1, { ready: false, crashes: MAX_CRASHES, message: 'exited with code 1' })
    const plan = planApp(app(), [...old, crashing, instance(2, 2)])
    expect(plan.verdict).toEqual({
      state: 'failed',
      message: 'an instance ended 3 times before it was ready; the last time it exited with code 1',
    })
    expect(ids(plan)).toEqual(['r2s1 not-ready', 'r2s2 not-ready'])
    expect(plan.create).toEqual([])
  })

  it('says that an instance could not even be started', () => {
    const refused = instance(2, 1, {
      ready: false,
      crashes: 3,
      refused: true,
      message: 'port 80 of 127.0.0.1 is in use',
    })
    expect(planApp(app(), [...old, refused]).verdict).toMatchObject({
      message: 'an instance could not be started 3 times; the last time: port 80 of 127.0.0.1 is in use',
    })
  })

  it('fails when its time is over, with how many were ready', () => {
    const waiting = [...old, instance(2, 1), instance(2, 2, { ready: false })]
    expect(planApp(app({ deployingForMs: 119_999 }), waiting).verdict).toBeNull()
    const plan = planApp(app({ deployingForMs: 120_000 }), waiting)
    expect(plan.verdict).toEqual({ state: 'failed', message: '1 of 2 instances were ready within 2m' })
  })

  it('leaves nothing running when it was the first and fails', () => {
    const first = app({ revision: 1, readyRevision: null, deployingForMs: 1e6 })
    const plan = planApp(first, [instance(1, 1, { ready: false })])
    expect([ids(plan), plan.create]).toEqual([['r1s1 not-ready'], []])
    expect(planApp({ ...first, state: 'failed' }, [])).toEqual(NOTHING)
  })

  it('is over at once when nothing is to run', () => {
    expect(planApp(app({ replicas: 0, deployingForMs: 1e9 }), old).verdict).toEqual({ state: 'ready' })
  })
})

describe('an app that serves', () => {
  const ready = app({ state: 'ready', revision: 1 })

  it('fills its slots and ends what is above them', () => {
    expect(planApp({ ...ready, replicas: 3 }, old).create).toEqual([{ revision: 1, slot: 3, after: null }])
    expect(ids(planApp({ ...ready, replicas: 1 }, old))).toEqual(['r1s2 scaled-down'])
    expect(planApp(ready, old)).toEqual(NOTHING)
  })

  it('fills the slot of one that is ending', () => {
    expect(planApp(ready, [instance(1, 1), instance(1, 2, { ending: true })]).create).toEqual([
      { revision: 1, slot: 2, after: null },
    ])
  })

  it('goes back to the revision before a failed one', () => {
    const failed = app({ state: 'failed' })
    const plan = planApp(failed, [instance(1, 1), instance(2, 1)])
    expect(plan.create).toEqual([{ revision: 1, slot: 2, after: null }])
    expect(ids(plan)).toEqual(['r2s1 not-ready'])
  })

  it('ends everything when it is stopped or deleted', () => {
    expect(ids(planApp({ ...ready, stopped: true }, old))).toEqual(['r1s1 by-hand', 'r1s2 by-hand'])
    expect(ids(planApp({ ...ready, deleted: true }, old))).toEqual(['r1s1 deleted', 'r1s2 deleted'])
  })
})

/** Carries a plan out as apply-plan.ts does, every instance becoming ready. */
function step(state: PlannedApp, instances: readonly PlannedInstance[]): [PlannedApp, PlannedInstance[]] {
  const plan = planApp(state, instances)
  const ended = new Set(plan.cancel.map(({ id }) => id))
  const left = instances.filter(({ id }) => !ended.has(id)).map((each) => ({ ...each, ready: true }))
  const born = plan.create.map(({ revision, slot }) => instance(revision, slot, { ready: false }))
  const next = plan.verdict === null ? state : { ...state, state: plan.verdict.state }
  const readyRevision = plan.verdict?.state === 'ready' ? state.revision : state.readyRevision
  return [{ ...next, readyRevision }, [...left, ...born]]
}

it('comes to rest from any mixture of instances, with each slot of one revision filled once', () => {
  const someInstance = fc
    .record({ revision: fc.integer({ min: 1, max: 3 }), slot: fc.integer({ min: 1, max: 5 }), ready: fc.boolean() })
    .map(({ revision, slot, ready }) => instance(revision, slot, { ready }))
  const some = fc.uniqueArray(someInstance, { selector: ({ id }) => id, maxLength: 12 })
  const someApp = fc.record({
    replicas: fc.integer({ min: 0, max: 4 }),
    state: fc.constantFrom('deploying' as const, 'ready' as const, 'failed' as const),
    readyRevision: fc.constantFrom(1, 2),
  })
  fc.assert(
    fc.property(someApp, some, (change, instances) => {
      let state = app({ ...change, revision: 3, readyRevision: change.state === 'ready' ? 3 : change.readyRevision })
      let world: PlannedInstance[] = instances
      for (let turn = 0; turn < 6; turn++) [state, world] = step(state, world)
      expect(planApp(state, world)).toEqual(NOTHING)
      const serving = state.state === 'failed' ? state.readyRevision : 3
      const filled = world.map(({ revision, slot }) => `${revision}.${slot}`).toSorted((a, b) => a.localeCompare(b))
      expect(filled).toEqual(Array.from({ length: state.replicas }, (_, index) => `${serving}.${index + 1}`))
    }),
  )
})
