/** A parsed cron expression: immutable, reusable for every zone, about 400 bytes. Made by `parseSchedule`. */
export interface Schedule {
  /** As given, with single blanks. */
  readonly expression: string
  /** True when the expression has six fields, seconds first. */
  readonly hasSeconds: boolean
  /** True when neither minute nor hour starts with `*`: each local time runs exactly once, also across a clock change. */
  readonly fixedTime: boolean
}

/** The members of the day fields that depend on the month: L, W and #. Bit 0 of a weekday set is Sunday. */
export interface SpecialDays {
  /** Bit n: the n-th day before the last (`L` is bit 0, `L-3` bit 3). */
  readonly fromEnd: number
  /** `LW`: the last Monday-to-Friday day. */
  readonly lastWorkday: boolean
  /** Bit d - 1: `dW`, the Monday-to-Friday day nearest to d within the month. */
  readonly nearest: number
  /** Weekdays whose last occurrence counts (`5L`). */
  readonly lastWeekdays: number
  /** Weekdays by occurrence: `[0]` is `#1` … `[4]` is `#5`. */
  readonly nthWeekdays: readonly number[]
}

/** Everything the evaluator reads, as bit sets. Sets of 60 are split in two so that each fits a small integer. */
export interface Tables {
  readonly secondsLow: number
  readonly secondsHigh: number
  readonly minutesLow: number
  readonly minutesHigh: number
  /** Bit h. */
  readonly hours: number
  /** Bit d - 1; `null` when any day of the month will do. */
  readonly monthDays: number | null
  /** Bit m - 1. */
  readonly months: number
  /** Bit 0 is Sunday; `null` when any weekday will do. */
  readonly weekdays: number | null
  readonly special: SpecialDays | null
}

export class CompiledSchedule implements Schedule {
  readonly expression: string
  readonly hasSeconds: boolean
  readonly fixedTime: boolean
  readonly tables: Tables

  constructor(expression: string, hasSeconds: boolean, fixedTime: boolean, tables: Tables) {
    this.expression = expression
    this.hasSeconds = hasSeconds
    this.fixedTime = fixedTime
    this.tables = tables
    Object.freeze(this)
  }
}

/** @throws TypeError when the object was not made by `parseSchedule`; its tables cannot be guessed. */
export function tablesOf(schedule: Schedule): Tables {
  if (schedule instanceof CompiledSchedule) return schedule.tables
  throw new TypeError('not a schedule made by parseSchedule')
}
