/** What is measured of each contender, all on one Redis. Each cell begins and ends with an emptied server. */
export interface Subject {
  readonly name: string
  /** Adds so many jobs, `size` a call, one call after the other (`lanes` of them at the same time). */
  add(jobs: number, size: number, lanes: number): Promise<void>
  /** Does all waiting jobs with an empty handler; returns how many different ones it was given. */
  work(atOnce: number, lanes: number, jobs: number): Promise<number>
  close(): Promise<void>
}

export const BODY = JSON.stringify({
  fileId: 'f-8d1f6d2b',
  userId: 'u-77120',
  path: '/uploads/2026/11/24/a-file-of-somebody.jpeg',
})

let count = 0
const START = Date.now()

/** As a ULID looks: 26 characters that rise. */
export function nextId(): string {
  count += 1
  return `01kz${START.toString(36)}${count.toString(36).padStart(14, '0')}`
}
