import type { Preview } from '@pandastack/contract'
import { assertFires, assertTimeZone, nextTick, parseSchedule, ScheduleError } from '@pandastack/sdk/schedule'
import cronstrue from 'cronstrue'
import { CliError } from './errors.ts'
import { EXIT } from './exit-codes.ts'

export interface PreviewRequest {
  readonly schedule: string
  readonly timezone: string
  readonly count: number
  readonly from: Date
}

/** The server's own evaluator, here: the same answer as `GET /v1/preview` without a server. */
export function previewOffline(request: PreviewRequest): Preview {
  try {
    const schedule = parseSchedule(request.schedule)
    assertFires(schedule)
    const timezone = assertTimeZone(request.timezone)
    const ticks: Preview['ticks'] = []
    let after = request.from.getTime()
    while (ticks.length < request.count) {
      const tick = nextTick(schedule, timezone, after)
      if (tick === null) break
      after = tick.at
      ticks.push({ dueAt: new Date(tick.at).toISOString(), local: tick.local, note: tick.note })
    }
    return { schedule: schedule.expression, timezone, words: words(schedule.expression), ticks, warnings: [] }
  } catch (error) {
    if (error instanceof ScheduleError) throw refused(request, error)
    throw error
  }
}

/** cronstrue has no words for some of what we take (`@reboot` aside, `LW` in lists): then there are none. */
function words(expression: string): string {
  try {
    return cronstrue.toString(expression, { use24HourTimeFormat: true })
  } catch (error) {
    if (typeof error === 'string' || error instanceof Error) return expression
    throw error
  }
}

function refused(request: PreviewRequest, error: ScheduleError): CliError {
  const zone = error.field === 'timezone'
  return new CliError(
    zone ? `the timezone "${request.timezone}" is not valid` : `the schedule "${request.schedule}" is not valid`,
    {
      code: zone ? 'invalid_timezone' : 'invalid_schedule',
      exitCode: EXIT.usage,
      why: [error.message],
      hint: zone
        ? 'Use an IANA name such as Europe/Berlin, or UTC.'
        : 'Five fields: minute hour day-of-month month day-of-week, e.g. "0 8 * * 1".',
      cause: error,
    },
  )
}
