import { isFinal, RUN_STATES } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { ACTIVE_STATES, BIRTH_STATES, mayMove, sourcesOf, TRANSITIONS, WAITING_STATES } from './states.ts'

describe('the states of a run', () => {
  it('has a row for every state', () => {
    expect(Object.keys(TRANSITIONS).sort()).toEqual([...RUN_STATES].sort())
  })
  it('leaves no final state and can leave every other', () => {
    for (const state of RUN_STATES) expect(TRANSITIONS[state].length === 0).toBe(isFinal(state))
  })
  it('reaches every state, by birth or by a move', () => {
    for (const state of RUN_STATES) {
      expect(sourcesOf(state).length > 0 || (BIRTH_STATES as readonly string[]).includes(state)).toBe(true)
    }
  })
  it('can end from everywhere', () => {
    for (const from of RUN_STATES) {
      const seen = new Set([from])
      for (const state of seen) for (const next of TRANSITIONS[state]) seen.add(next)
      expect([...seen].some(isFinal)).toBe(true)
    }
  })
  it('knows the active states as those that are not final', () => {
    expect([...ACTIVE_STATES]).toEqual(RUN_STATES.filter((state) => !isFinal(state)))
    expect([...WAITING_STATES, 'running'].sort()).toEqual([...ACTIVE_STATES].sort())
  })
  it('starts only what waits', () => {
    expect(sourcesOf('running')).toEqual([...WAITING_STATES])
    expect(mayMove('succeeded', 'running')).toBe(false)
  })
})
