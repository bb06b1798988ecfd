import { ERRORS } from '@pandastack/contract/errors'
import { describe, expect, it } from 'vitest'
import { EXIT, EXIT_CODES, exitCodeOf } from './exit-codes.ts'

describe('exit codes', () => {
  it('are the documented numbers', () => {
    expect(EXIT).toEqual({
      ok: 0,
      failed: 1,
      usage: 2,
      notFound: 3,
      access: 4,
      runFailed: 5,
      timedOut: 6,
      unreachable: 7,
      interrupted: 130,
    })
  })

  it('are all explained', () => {
    expect(EXIT_CODES.map(([code]) => code)).toEqual(Object.values(EXIT))
  })

  it.each([
    ['not_found', 3],
    ['project_not_found', 3],
    ['unauthenticated', 4],
    ['forbidden', 4],
    ['invalid_schedule', 2],
    ['invalid_name', 2],
    ['too_large', 2],
    ['idempotency_mismatch', 2],
    ['conflict', 1],
    ['run_active', 1],
    ['internal', 1],
    ['database_away', 1],
  ] as const)('%s ends with %i', (code, exitCode) => {
    expect(exitCodeOf({ code, status: ERRORS[code].status })).toBe(exitCode)
  })
})
