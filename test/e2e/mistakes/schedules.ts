import { scheduled, sound, badSchedule } from './common.ts'
import type { Mistake } from './mistake.ts'

export const SCHEDULE_MISTAKES: readonly Mistake[] = [
  {
    what: 'minute out of range',
    words: scheduled('60 8 * * 1'),
    ...badSchedule,
    says: 'minute: 60 is out of range 0-59',
  },
  { what: 'hour out of range', words: scheduled('0 24 * * 1'), ...badSchedule, says: 'hour: 24 is out of range 0-23' },
  {
    what: 'day of month out of range',
    words: scheduled('0 8 32 * *'),
    ...badSchedule,
    says: 'day-of-month: 32 is out of range 1-31',
  },
  {
    what: 'month out of range',
    words: scheduled('0 8 * 13 *'),
    ...badSchedule,
    says: 'month: 13 is out of range 1-12',
  },
  {
    what: 'weekday out of range',
    words: scheduled('0 8 * * 8'),
    ...badSchedule,
    says: 'day-of-week: 8 is out of range 0-7',
  },
  {
    what: 'second out of range',
    words: scheduled('61 0 8 * * 1'),
    ...badSchedule,
    says: 'second: 61 is out of range 0-59',
  },
  { what: 'long month name', words: scheduled('0 8 * january *'), ...badSchedule, says: 'write JAN' },
  { what: 'four fields', words: scheduled('0 8 * *'), ...badSchedule, says: 'has 4 fields; 5 are needed' },
  { what: 'a year field', words: scheduled('0 0 8 * * 1 2027'), ...badSchedule, says: 'a year field is not supported' },
  { what: 'backward range', words: scheduled('0 8 * * 5-1'), ...badSchedule, says: 'runs backwards' },
  { what: 'step zero', words: scheduled('*/0 * * * *'), ...badSchedule, says: 'must be at least 1' },
  { what: 'unknown nickname', words: scheduled('@dayly'), ...badSchedule, says: 'is not one of @yearly' },
  { what: '@reboot', words: scheduled('@reboot'), ...badSchedule, says: 'has no time to run at' },
  { what: 'empty schedule', words: scheduled(''), ...badSchedule, says: 'schedule' },
  { what: 'a zone in the schedule', words: scheduled('TZ=UTC 0 8 * * *'), ...badSchedule, says: '--timezone' },
  {
    what: 'a day that never comes',
    words: scheduled('0 0 30 2 *'),
    ...badSchedule,
    says: 'can never fire: there is no such day in FEB',
  },
  {
    what: 'preview of a bad schedule',
    words: ['cronjob', 'preview', '0 8 * * 9'],
    ...badSchedule,
    says: 'is not valid',
  },
  {
    what: 'unknown zone',
    words: sound('--timezone', 'Europe/Berlim'),
    exit: 2,
    code: 'invalid_timezone',
    says: 'did you mean Europe/Berlin?',
    hint: 'Use an IANA name',
  },
  {
    what: 'an offset as zone',
    words: sound('--timezone', '+02:00'),
    exit: 2,
    code: 'invalid_timezone',
    says: 'is an offset, which knows no daylight saving',
    hint: 'Use an IANA name',
  },
]
