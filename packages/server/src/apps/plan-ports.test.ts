import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AppPlan, planApp, type PlannedApp, type PlannedInstance } from './plan-app.ts'

const PORT = '127.0.0.1:8080:3000'
const app = (change: Partial<PlannedApp> = {}): PlannedApp => ({
  replicas: 1,
  stopped: false,
  deleted: false,
  revision: 2,
  state: 'deploying',
  readyTimeout: '2m',
  deployingForMs: 1000,
  readyRevision: 1,
  port: PORT,
  readyPort: PORT,
  ...change,
})
const instance = (revision: number, change: Partial<PlannedInstance> = {}): PlannedInstance => ({
  id: `r${revision}`,
  revision,
  slot: 1,
  ready: true,
  crashes: 0,
  ending: false,
  starting: [],
  message: null,
  refused: false,
  port: PORT,
  held: null,
  ...change,
})
const NOTHING: AppPlan = { create: [], cancel: [], release: [], verdict: null }
const old = instance(1)
const held = (change: Partial<PlannedInstance> = {}) => instance(2, { ready: false, held: 'for-port', ...change })

describe('a deploy that wants the port of the instance before', () => {
  it('has its new instance wait for the old one, which goes on', () => {
    expect(planApp(app(), [old])).toEqual({ ...NOTHING, create: [{ revision: 2, slot: 1, after: 'r1' }] })
    expect(planApp(app(), [old, held({ held: 'for-image' })])).toEqual(NOTHING)
  })

  it('ends the old one when the image of the new one is there', () => {
    const cancel = [{ id: 'r1', reason: 'replaced', replacedBy: 2 }]
    expect(planApp(app(), [old, held()])).toEqual({ ...NOTHING, cancel })
  })

  it('lets the new one go when the old one has ended, not while it is ending', () => {
    expect(planApp(app(), [instance(1, { ending: true }), held()])).toEqual(NOTHING)
    expect(planApp(app(), [held()])).toEqual({ ...NOTHING, release: ['r2'] })
  })

  it('does not run out of time while the old one finishes its work', () => {
    const late = app({ deployingForMs: 1e9 })
    expect(planApp(late, [instance(1, { ending: true }), held()])).toEqual(NOTHING)
    const pulling = planApp(late, [old, held({ held: 'for-image' })])
    expect([pulling.verdict?.state, pulling.cancel.map(({ id }) => id)]).toEqual(['failed', ['r2']])
  })

  it('brings the old revision back when the new instance fails, once that has ended', () => {
    const crashed = instance(2, { ready: false, crashes: 3, message: 'exited with code 1' })
    const failed = planApp(app(), [crashed])
    expect(failed).toMatchObject({
      verdict: { state: 'failed' },
      cancel: [{ id: 'r2', reason: 'not-ready' }],
      create: [{ revision: 1, slot: 1, after: 'r2' }],
    })
    const back = instance(1, { id: 'back', ready: false, held: 'for-port' })
    const after = app({ state: 'failed' })
    expect(planApp(after, [{ ...crashed, ending: true }, back])).toEqual(NOTHING)
    expect(planApp(after, [back])).toEqual({ ...NOTHING, release: ['back'] })
  })

  it('leaves the old one alone when the image cannot be had', () => {
    const refused = held({ held: 'for-image', crashes: 3, refused: true, message: 'no such image' })
    const plan = planApp(app(), [old, refused])
    expect(plan.verdict).toEqual({
      state: 'failed',
      message: 'an instance could not be started 3 times; the last time: no such image',
    })
    expect(plan.cancel).toEqual([{ id: 'r2', reason: 'not-ready', replacedBy: null }])
    expect([plan.create, plan.release]).toEqual([[], []])
  })

  it('gives the port to the newest of several, and forgets one that was overtaken while it waited', () => {
    const third = app({ revision: 3 })
    const overtaken = planApp(third, [old, held()])
    expect(overtaken.cancel).toEqual([{ id: 'r2', reason: 'replaced', replacedBy: null }])
    const newest = instance(3, { ready: false, held: 'for-port' })
    const back = instance(1, { id: 'back', ready: false, held: 'for-port' })
    expect(planApp(third, [back, newest]).release).toEqual(['r3'])
    expect(planApp(third, [back, { ...newest, held: 'for-image' }]).release).toEqual(['back'])
  })
})

describe('a deploy that wants another port than the one before', () => {
  it('goes as without ports: the new one starts beside the old one', () => {
    const moved = app({ port: '127.0.0.1:8081:3000' })
    expect(planApp(moved, [old]).create).toEqual([{ revision: 2, slot: 1, after: null }])
    const removed = planApp(app({ port: null, replicas: 3 }), [old])
    expect(removed.create.map(({ after }) => after)).toEqual([null, null, null])
  })

  it('knows that all addresses hold each of them', () => {
    expect(planApp(app({ port: '0.0.0.0:8080:3000' }), [old]).create[0]?.after).toBe('r1')
    expect(planApp(app({ port: '192.168.0.1:8080:3000' }), [old]).create[0]?.after).toBeNull()
  })
})

describe('an app that publishes', () => {
  it('waits for its own instance that is ending, after a stop and a start', () => {
    const ready = app({ state: 'ready', readyRevision: 2 })
    const plan = planApp(ready, [instance(2, { ending: true })])
    expect(plan.create).toEqual([{ revision: 2, slot: 1, after: 'r2' }])
  })

  it('has one instance of the revision that publishes, whatever a later one without a port wants', () => {
    const failed = app({ state: 'failed', port: null, replicas: 3 })
    expect(planApp(failed, []).create).toEqual([{ revision: 1, slot: 1, after: null }])
  })

  it('ends what waits when it is stopped', () => {
    const plan = planApp(app({ stopped: true }), [old, held()])
    expect(plan.cancel.map(({ id, reason }) => [id, reason])).toEqual([
      ['r1', 'by-hand'],
      ['r2', 'by-hand'],
    ])
    expect(plan.release).toEqual([])
  })
})

/** The engine's view of an instance, beside the planner's. */
interface Unit extends PlannedInstance {
  readonly runs: boolean
}

interface World {
  readonly state: PlannedApp
  readonly units: readonly Unit[]
  readonly born: number
}

/** As apply-plan.ts and the executor do: what is asked to end goes on until a later turn. */
function carryOut({ state, units, born }: World, plan: AppPlan): World {
  const asked = new Map(plan.cancel.map((one) => [one.id, one]))
  const released = new Set(plan.release)
  const left = units
    .filter((unit) => unit.runs || !asked.has(unit.id))
    .map((unit) => (asked.has(unit.id) ? { ...unit, ending: true } : unit))
    .map((unit) => (released.has(unit.id) ? { ...unit, held: null } : unit))
  const made = plan.create.map(({ revision, slot, after }, index): Unit => {
    const port = revision === state.revision ? state.port : state.readyPort
    const id = `new${born + index}`
    return {
      ...instance(revision),
      id,
      slot,
      port,
      ready: false,
      held: after === null ? null : 'for-image',
      runs: false,
    }
  })
  const isReady = plan.verdict?.state === 'ready'
  const next = {
    ...state,
    state: plan.verdict?.state ?? state.state,
    readyRevision: isReady ? state.revision : state.readyRevision,
    readyPort: isReady ? state.port : state.readyPort,
  }
  return { state: next, units: [...left, ...made], born: born + made.length }
}

/** One thing happens to one instance: its image is there, it starts, it is ready, it crashes, it has ended. */
function happen(world: World, which: number, crashes: boolean): World {
  const unit = world.units[which % Math.max(1, world.units.length)]
  if (unit === undefined) return world
  if (unit.ending) return { ...world, units: world.units.filter(({ id }) => id !== unit.id) }
  const fails = crashes && unit.revision === 2
  const changed = (): Unit => {
    if (unit.held === 'for-image') return { ...unit, held: 'for-port' }
    if (unit.held === 'for-port') return unit
    if (fails) return { ...unit, runs: false, crashes: unit.crashes + 1 }
    return unit.runs ? { ...unit, ready: true } : { ...unit, runs: true }
  }
  return { ...world, units: world.units.map((one) => (one.id === unit.id ? changed() : one)) }
}

it('never lets two instances have one port, and comes to rest with one', () => {
  const turns = fc.array(fc.nat(), { minLength: 60, maxLength: 80 })
  fc.assert(
    fc.property(turns, fc.boolean(), fc.boolean(), (steps, crashes, overtaken) => {
      let world: World = { state: app(), units: [{ ...old, runs: true }], born: 0 }
      const turn = (which: number): void => {
        world = carryOut(world, planApp(world.state, world.units))
        const running = world.units.filter(({ held: waits, runs }) => runs || waits === null)
        expect(running.length, JSON.stringify(world.units)).toBeLessThanOrEqual(1)
        world = happen(world, which, crashes)
      }
      for (const which of steps.slice(0, 10)) turn(which)
      if (overtaken) world = { ...world, state: { ...world.state, revision: 3, state: 'deploying' } }
      for (const which of steps.slice(10)) turn(which)
      for (let index = 0; index < 30; index++) turn(index)
      const serving = overtaken ? 3 : crashes ? 1 : 2
      expect(world.units).toEqual([expect.objectContaining({ revision: serving, ready: true, held: null, runs: true })])
      expect(planApp(world.state, world.units)).toEqual(NOTHING)
    }),
  )
})
