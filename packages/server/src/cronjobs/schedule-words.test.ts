import { parseSchedule } from '@pandastack/sdk/schedule'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scheduleWords } from './schedule-words.ts'

describe('scheduleWords', () => {
  it.each([
    ['0 8 * * 1', 'At 08:00, only on Monday'],
    ['*/5 * * * *', 'Every 5 minutes'],
    ['*/10 * * * * *', 'Every 10 seconds'],
    ['@hourly', 'Every hour'],
    ['0 0 L * *', 'At 00:00, on the last day of the month'],
    ['0 9 * * 5#2', 'At 09:00, on the second Friday of the month'],
    // Where cron means "or" between the two day fields.
    ['0 0 1 * 1', 'At 00:00, on day 1 of the month or on Monday'],
    ['0 0 1,15 2 mon,tue', 'At 00:00, on day 1 and 15 of the month or on Monday and Tuesday, only in February'],
    // A list that cronstrue refuses.
    ['0 0 1W,15 * *', 'At 00:00, on day 15 of the month or on the first weekday of the month'],
    ['0 0 L,15 * *', 'At 00:00, on day 15 of the month or on the last day of the month'],
    [
      '0 0 1,L * MON#1',
      'At 00:00, on day 1 of the month, on the last day of the month or on the first Monday of the month',
    ],
    // A field that any day matches leaves the choice to the other one.
    ['0 0 ? * 1', 'At 00:00, only on Monday'],
  ])('%s', (expression, words) => {
    expect(scheduleWords(expression)).toBe(words)
  })

  it('has words for every valid combination of the special days, and never throws', () => {
    const days = fc.constantFrom('*', '?', '1', '1-7', '*/2', 'L', 'L-3', '15W', 'LW', '1W,15', 'L,15', '1,LW')
    const weekdays = fc.constantFrom('*', '?', '1', 'MON-FRI', '5L', '5#2', 'MON#1,FRI', '1,5L', '*/2')
    fc.assert(
      fc.property(days, weekdays, fc.constantFrom('*', '2', 'JAN-MAR'), (day, weekday, month) => {
        const expression = `0 8 ${day} ${month} ${weekday}`
        parseSchedule(expression)
        expect(scheduleWords(expression)).not.toMatch(/By the schedule|undefined|, ,/)
      }),
      { numRuns: 300 },
    )
  })
})
