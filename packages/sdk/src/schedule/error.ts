/** The part of a schedule that is wrong; `expression` when no single field is to blame. */
export type ScheduleField =
  | 'second'
  | 'minute'
  | 'hour'
  | 'day-of-month'
  | 'month'
  | 'day-of-week'
  | 'expression'
  | 'timezone'

/** A schedule or time zone that cannot be used. The message is `<field>: <reason>`, e.g. `minute: 60 is out of range 0-59`. */
export class ScheduleError extends Error {
  readonly field: ScheduleField | null
  /** What is wrong and, where there is one, what to write instead. */
  readonly reason: string

  constructor(field: ScheduleField | null, reason: string) {
    super(field === null ? reason : `${field}: ${reason}`)
    this.name = 'ScheduleError'
    this.field = field
    this.reason = reason
  }
}

/** User input inside a message: quoted and short, whatever was typed. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
