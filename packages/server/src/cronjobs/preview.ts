import type { Preview } from '@pandastack/contract'
import { nextTick } from '@pandastack/sdk/schedule'
import { assertSchedule } from './check-schedule.ts'
import { formatLocalTime } from './local-time.ts'
import { pollingScheduleWarning } from './polling.ts'
import { scheduleWords } from './schedule-words.ts'

export interface PreviewRequest {
  readonly schedule: string
  readonly timezone: string
  /** Ticks wanted, 1 to 1000. */
  readonly count: number
  /** Ticks strictly after this. */
  readonly from: Date
}

/**
 * The next ticks of a schedule, with what the clock changes do to them. Reads no database.
 *
 * @throws PandaError `invalid_schedule`, `invalid_timezone`
 */
export function previewSchedule(request: PreviewRequest): Preview {
  const { schedule: expression, timezone, count } = request
  const schedule = assertSchedule(request)
  const ticks: Preview['ticks'] = []
  let tick = nextTick(schedule, timezone, request.from.getTime())
  while (tick !== null && ticks.length < count) {
    const at = new Date(tick.at)
    ticks.push({ dueAt: at.toISOString(), local: formatLocalTime(at, timezone), note: tick.note })
    tick = nextTick(schedule, timezone, tick.at)
  }
  const polling = pollingScheduleWarning(request, request.from.getTime())
  return {
    schedule: expression,
    timezone,
    words: scheduleWords(expression),
    ticks,
    warnings: polling ? [polling] : [],
  }
}
