import { describe, expect, it } from 'vitest'
import { CliError, toCliError, usageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { renderError, renderProblem } from './error.ts'
import { createStyle } from './style.ts'

const off = await createStyle(false)
const full = new CliError('the schedule is not valid', {
  code: 'invalid_schedule',
  exitCode: EXIT.usage,
  status: 400,
  title: 'The schedule is not valid',
  type: 'urn:pandastack:error:invalid_schedule',
  hint: 'Five fields.',
  requestId: 'req-1',
  errors: [{ path: 'schedule', message: 'minute: 61 is above 59' }],
})

describe('renderError', () => {
  it('says what, why, what to do, code and request', () => {
    expect(renderError(full, off)).toBe(
      [
        'error: the schedule is not valid',
        '  schedule: minute: 61 is above 59',
        '  Five fields.',
        '  code invalid_schedule, request req-1',
      ].join('\n'),
    )
  })

  it('never takes more than five lines', () => {
    const errors = Array.from({ length: 30 }, (_, index) => ({ path: `field${index}`, message: 'is\nwrong' }))
    const text = renderError(new CliError('many\nthings', { ...full.fields, errors }), off)
    expect(text.split('\n')).toHaveLength(5)
    expect(text).toContain('… and 29 more')
  })

  it('does not say the same twice', () => {
    const text = renderError(
      new CliError('name: is taken', { ...full.fields, errors: [{ path: 'name', message: 'is taken' }] }),
      off,
    )
    expect(text.split('\n')).toHaveLength(3)
  })

  it('defuses what a registry or a server wrote', () => {
    expect(renderError(usageError('bad \u001b]0;x\u0007image'), off)).toContain('error: bad image')
  })
})

it('gives the problem document with -o json', () => {
  expect(JSON.parse(renderProblem(full))).toEqual({
    type: 'urn:pandastack:error:invalid_schedule',
    title: 'The schedule is not valid',
    status: 400,
    detail: 'the schedule is not valid',
    code: 'invalid_schedule',
    hint: 'Five fields.',
    requestId: 'req-1',
    errors: [{ path: 'schedule', message: 'minute: 61 is above 59' }],
    exitCode: 2,
  })
})

it('calls everything else a bug', () => {
  const error = toCliError(new TypeError('x is undefined'))
  expect(error).toMatchObject({ code: 'internal', exitCode: 1, message: 'panda met a bug: x is undefined' })
  expect(toCliError(full)).toBe(full)
  expect(toCliError('text').message).toBe('panda met a bug: text')
})
