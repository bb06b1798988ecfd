/** What a look at a queue tells. A part of the seam: see `glance` of the driver. */
export interface Glance {
  /** Jobs are queued: an exchange may give something (limits are not looked at). */
  readonly queued: boolean
  /** `relays` has something. */
  readonly relays: boolean
  /** A schedule is due: `dueSchedules` has it. */
  readonly schedules: boolean
  /** `maintain` has something to do. */
  readonly maintain: boolean
  /** When a schedule or something for `maintain` comes due besides, e.g. at the end of a lease; null = never. */
  readonly againInMs: number | null
}
