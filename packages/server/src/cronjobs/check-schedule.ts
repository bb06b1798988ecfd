import { ERRORS, type FieldError, PandaError } from '@pandastack/contract'
import {
  assertFires,
  assertTimeZone,
  nextTime,
  parseSchedule,
  type Schedule,
  ScheduleError,
} from '@pandastack/sdk/schedule'

export interface ScheduleInput {
  readonly schedule: string
  readonly timezone: string
}

/**
 * Checks what the request's schema cannot: that the schedule can be read, that it ever fires, and that the zone exists.
 *
 * @param path where the spec stands in the request, e.g. `cronjobs.digest`; default: at the top
 * @throws PandaError `invalid_schedule` (with the field of the expression and the reason), `invalid_timezone`
 */
export function assertSchedule(input: ScheduleInput, path = ''): Schedule {
  const where = (field: string): string => (path === '' ? field : `${path}.${field}`)
  const of = path === '' ? '' : ` of ${path}`
  let schedule: Schedule
  try {
    schedule = parseSchedule(input.schedule)
    assertFires(schedule)
  } catch (error) {
    throw refusal(error, 'invalid_schedule', `The schedule "${shorten(input.schedule)}"${of}`, where('schedule'))
  }
  try {
    assertTimeZone(input.timezone)
  } catch (error) {
    throw refusal(error, 'invalid_timezone', `The timezone "${shorten(input.timezone)}"${of}`, where('timezone'))
  }
  return schedule
}

/**
 * The first tick behind `afterMs` (epoch ms).
 *
 * @throws PandaError `invalid_schedule` when the schedule names only times that its zone never has
 */
export function firstTickAfter(input: ScheduleInput, afterMs: number): Date {
  const at = nextTime(assertSchedule(input), input.timezone, afterMs)
  if (at === null) throw new PandaError('invalid_schedule', `The schedule "${input.schedule}" never fires.`)
  return new Date(at)
}

function refusal(error: unknown, code: 'invalid_schedule' | 'invalid_timezone', what: string, path: string): unknown {
  if (!(error instanceof ScheduleError)) return error
  const errors: FieldError[] = [{ path, message: error.message }]
  return new PandaError(code, `${what} is not valid: ${error.message}.`, {
    hint: ERRORS[code].hint,
    errors,
    cause: error,
  })
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
