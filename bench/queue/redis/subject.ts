/** What is measured of each contender, all on one Redis. Each cell begins and ends with an emptied server. */
export interface Subject {
  readonly name: string
  /** Adds so many jobs, `size` a call, one call after the other (`lanes` of them at the same time). */
  add(jobs: number, size: number, lanes: number): Promise<void>
  /** Does all waiting jobs with an empty handler; returns how many different ones it was given. */
  work(atOnce: number, lanes: number, jobs: number): Promise<number>
  close(): Promise<void>
}
