import type { ClaimedJob } from './driver.ts'

interface Batch {
  readonly jobs: readonly ClaimedJob[]
  /** When they were received, by `clock.now()`. */
  readonly at: number
}

/** Claimed jobs that have not been started, oldest first. Kept by claims, so that a job costs nothing here. */
export class Buffer {
  #batches: Batch[] = []
  #next = 0
  length = 0

  push(jobs: readonly ClaimedJob[], at: number): void {
    if (jobs.length === 0) return
    this.#batches.push({ jobs, at })
    this.length += jobs.length
  }

  shift(): ClaimedJob | undefined {
    const batch = this.#batches[0]
    if (batch === undefined) return undefined
    const job = batch.jobs[this.#next]
    this.#next += 1
    if (this.#next >= batch.jobs.length) {
      this.#batches.shift()
      this.#next = 0
    }
    this.length -= 1
    return job
  }

  /** Takes out what was received before `at`; without it, all. */
  take(at: number = Number.POSITIVE_INFINITY): ClaimedJob[] {
    const taken: ClaimedJob[] = []
    while (this.#batches[0] !== undefined && this.#batches[0].at < at) taken.push(this.shift()!)
    return taken
  }

  claims(): ClaimedJob[] {
    return this.#batches.flatMap((batch, i) => batch.jobs.slice(i === 0 ? this.#next : 0))
  }

  ids(): string[] {
    return this.claims().map((job) => job.id)
  }
}
