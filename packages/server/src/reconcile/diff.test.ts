import { RUN_STATES, type RunState } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import type { UnitSummary } from '../runtime/driver.ts'
import { diff, type KnownRun, type World } from './diff.ts'

const unit = (run: string, attempt = 1, state: UnitSummary['state'] = 'exited'): UnitSummary => ({
  name: `panda-${run}-${attempt}`,
  labels: { installation: 'i', project: 'p', kind: 'run', resource: 'c', run, attempt },
  state,
})
const known = (id: string, state: RunState, change: Partial<KnownRun> = {}): KnownRun => ({
  id,
  state,
  attempt: 1,
  serverId: 'me',
  endedForMs: null,
  ...change,
})
function world(units: UnitSummary[], runs: KnownRun[], change: Partial<World> = {}): World {
  return {
    units,
    runs: new Map(runs.map((run) => [run.id, run])),
    livingServers: new Set(['me', 'other']),
    self: 'me',
    isBusy: () => false,
    following: [],
    seenForMs: () => 0,
    ...change,
  }
}
const kinds = (input: World) => diff(input).actions.map((action) => action.kind)

describe('diff', () => {
  it('never touches a unit whose run is running, whoever has it', () => {
    for (const serverId of ['me', 'other', 'dead', null]) {
      const input = world([unit('r', 1, 'running')], [known('r', 'running', { serverId })], { seenForMs: () => 1e9 })
      expect(diff(input)).toEqual({ actions: [], suspects: [] })
    }
  })

  it('removes what its owner left behind: dead, gone, or ourselves when done with it', () => {
    expect(kinds(world([unit('r')], [known('r', 'succeeded', { serverId: 'dead' })]))).toEqual(['remove'])
    expect(kinds(world([unit('r')], [known('r', 'cancelled', { serverId: null })]))).toEqual(['remove'])
    expect(kinds(world([unit('r')], [known('r', 'failed')]))).toEqual(['remove'])
    expect(kinds(world([unit('r')], [known('r', 'retrying')]))).toEqual(['remove'])
  })

  it('leaves the owner its time to remove', () => {
    const busy = world([unit('r')], [known('r', 'succeeded')], { isBusy: () => true })
    expect(diff(busy)).toEqual({ actions: [], suspects: ['panda-r-1'] })
    const other = (endedForMs: number) =>
      world([unit('r')], [known('r', 'succeeded', { serverId: 'other', endedForMs })])
    expect(kinds(other(1000))).toEqual([])
    expect(kinds(other(60_000))).toEqual(['remove'])
  })

  it('stops what still runs before it is removed', () => {
    const [action] = diff(world([unit('r', 1, 'running')], [known('r', 'cancelled')])).actions
    expect(action).toMatchObject({ kind: 'remove', stop: true, unit: 'panda-r-1' })
  })

  it.each([
    ['an unknown run', [unit('x')], []],
    ['an earlier attempt', [unit('r', 1)], [known('r', 'running', { attempt: 2 })]],
    ['an attempt from nowhere', [unit('r', 5)], [known('r', 'running')]],
  ])('waits a minute before it removes %s', (_name, units, runs) => {
    expect(diff(world(units, runs, { seenForMs: () => 59_999 }))).toMatchObject({
      actions: [],
      suspects: [units[0]?.name],
    })
    expect(kinds(world(units, runs, { seenForMs: () => 60_000 }))).toEqual(['remove'])
  })

  it('keeps the unit of a start that was put back', () => {
    const input = world([unit('r', 2)], [known('r', 'queued', { attempt: 1, serverId: null })], {
      seenForMs: () => 1e9,
    })
    expect(diff(input)).toEqual({ actions: [], suspects: [] })
  })

  it('looks again after a unit that we follow and the engine does not list', () => {
    const input = world([], [known('r', 'running', { attempt: 3 })], { following: ['r'] })
    expect(diff(input).actions).toEqual([{ kind: 'look-again', runId: 'r', attempt: 3 }])
    expect(kinds(world([unit('r', 1, 'running')], [known('r', 'running')], { following: ['r'] }))).toEqual([])
  })

  it('is idle when all is as it should be, and has an answer for every state', () => {
    expect(diff(world([], []))).toEqual({ actions: [], suspects: [] })
    for (const state of RUN_STATES) expect(diff(world([unit('r')], [known('r', state)])).actions.length).toBeLessThan(2)
  })
})
