import { describe, expect, it } from 'vitest'
import { createStyle, paintState, wantsColor } from './style.ts'

const terminal = { isTTY: true }
const pipe = {}

describe('wantsColor', () => {
  it.each([
    ['a terminal', terminal, {}, false, true],
    ['a pipe', pipe, {}, false, false],
    ['NO_COLOR', terminal, { NO_COLOR: '1' }, false, false],
    ['an empty NO_COLOR, which counts as unset', terminal, { NO_COLOR: '' }, false, true],
    ['TERM=dumb', terminal, { TERM: 'dumb' }, false, false],
    ['--no-color', terminal, {}, true, false],
    ['FORCE_COLOR in a pipe', pipe, { FORCE_COLOR: '1' }, false, true],
    ['an empty FORCE_COLOR, which forces', pipe, { FORCE_COLOR: '' }, false, true],
    ['FORCE_COLOR=0 on a terminal', terminal, { FORCE_COLOR: '0' }, false, false],
    ['FORCE_COLOR over TERM=dumb', pipe, { FORCE_COLOR: '1', TERM: 'dumb' }, false, true],
    ['NO_COLOR over FORCE_COLOR', terminal, { FORCE_COLOR: '1', NO_COLOR: '1' }, false, false],
    ['--no-color over FORCE_COLOR', terminal, { FORCE_COLOR: '1' }, true, false],
  ])('%s', (_, stream, env, flag, expected) => {
    expect(wantsColor(stream, env, flag)).toBe(expected)
  })
})

it('paints states and nothing when it is off', async () => {
  const on = await createStyle(true)
  const off = await createStyle(false)
  expect(paintState(on, 'failed')).toBe('\u001b[31mfailed\u001b[39m')
  expect(paintState(on, 'succeeded')).toContain('\u001b[32m')
  expect(paintState(on, 'unheard-of')).toBe('unheard-of')
  expect(paintState(off, 'failed')).toBe('failed')
})
