import type { JobState } from '../../../packages/sdk/src/queue/states.ts'
import { MAX_CRASHES, isFinalJobState } from '../../../packages/sdk/src/queue/states.ts'

/**
 * What is expected of a queue, as small as can be and written without any driver in view. Where the store may do one thing
 * or the other (a job with a short delay may be due already), the model knows that it does not know.
 */
export interface ModelJob {
  readonly id: string
  state: JobState
  /** `scheduled` or `retrying`, and it may be `queued` by now. */
  soon: boolean
  priority: number
  body: string
  readonly group: string | null
  /** Order in its lane; null = unknown, because it fell due at a time nobody knows. */
  place: number | null
  failures: number
  crashes: number
  cancelAsked: boolean
  worker: string | null
}

export type Outcome = 'succeeded' | 'retry-soon' | 'retry-late' | 'dead' | 'cancelled' | 'released'

export class Model {
  readonly jobs = new Map<string, ModelJob>()
  readonly keys = new Map<string, string>()
  readonly totals = { added: 0, succeeded: 0, failed: 0, dead: 0, crashed: 0 }
  paused = false
  concurrency: number | null = null
  groupConcurrency = 1
  #places = 0

  add(id: string, given: { priority: number; group: string | null; delay: 'none' | 'soon' | 'late' }): void {
    const state = given.delay === 'none' ? 'queued' : 'scheduled'
    const place = state === 'queued' ? this.#end() : null
    const { priority, group } = given
    const nothing = { failures: 0, crashes: 0, cancelAsked: false, worker: null, body: '0' }
    this.jobs.set(id, { id, state, soon: given.delay === 'soon', priority, group, place, ...nothing })
    this.totals.added += 1
  }

  in(...states: readonly JobState[]): ModelJob[] {
    return [...this.jobs.values()].filter((job) => states.includes(job.state))
  }

  running(worker: string): ModelJob[] {
    return this.in('running').filter((job) => job.worker === worker)
  }

  /** How many a claim gives at least and at most. */
  bounds(want: number): { least: number; most: number } {
    const sure = this.#claimable((job) => job.state === 'queued')
    const perhaps = this.#claimable((job) => job.state === 'queued' || job.soon)
    return { least: Math.min(want, sure), most: Math.min(want, perhaps) }
  }

  /** Why this job may not be claimed now, before all that wait; null = it may. */
  objection(id: string): string | null {
    const job = this.jobs.get(id)
    if (job === undefined) return 'it does not exist'
    if (this.paused) return 'the queue is paused'
    if (job.state !== 'queued' && !job.soon) return `it is ${job.state}`
    if (job.group !== null && this.#runningIn(job.group) >= this.groupConcurrency) return 'its group is full'
    const better = this.in('queued').find((other) => other.group === job.group && goesBefore(other, job))
    return better === undefined ? null : `${better.id} waits before it`
  }

  claim(id: string, worker: string): void {
    Object.assign(this.#job(id), { state: 'running', soon: false, place: null, worker })
  }

  /** Releases of one call are given last one first, as all of them go to the front. */
  record(id: string, outcome: Outcome): void {
    const job = this.#job(id)
    job.worker = null
    const failed = outcome === 'retry-soon' || outcome === 'retry-late' || outcome === 'dead'
    if (failed) {
      job.failures += 1
      this.totals.failed += 1
    }
    if (outcome === 'released') this.#back(job)
    else if (outcome === 'succeeded' || outcome === 'dead' || outcome === 'cancelled') this.#finish(job, outcome)
    else if (job.cancelAsked) this.#finish(job, 'cancelled')
    else Object.assign(job, { state: 'retrying', soon: outcome === 'retry-soon' })
  }

  crash(worker: string, isCrash: boolean): void {
    for (const job of this.running(worker).toReversed()) {
      job.worker = null
      if (isCrash) {
        job.crashes += 1
        this.totals.crashed += 1
      }
      if (isCrash && !job.cancelAsked && job.crashes >= MAX_CRASHES) this.#finish(job, 'dead')
      else this.#back(job)
    }
  }

  /** All that was due soon is due now. */
  timePasses(): void {
    for (const job of this.jobs.values())
      if (job.soon) Object.assign(job, { state: 'queued', soon: false, place: null })
  }

  cancel(id: string): void {
    const job = this.#job(id)
    if (job.state === 'running') job.cancelAsked = true
    else this.#finish(job, 'cancelled')
  }

  retry(id: string): void {
    const fresh = { failures: 0, crashes: 0, cancelAsked: false, state: 'queued', place: this.#end() }
    Object.assign(this.#job(id), fresh)
  }

  promote(id: string): void {
    Object.assign(this.#job(id), { state: 'queued', soon: false, place: this.#end() })
  }

  edit(id: string, priority: number, body: string): void {
    const job = this.#job(id)
    if (job.priority !== priority && job.state === 'queued') job.place = this.#end()
    // It may have been queued before: then it went to the end, else its place is unknown anyhow.
    Object.assign(job, { priority, body })
  }

  /** Order in which jobs are running, for crashes and leaves: as they were claimed. */
  touch(id: string): void {
    const job = this.#job(id)
    this.jobs.delete(id)
    this.jobs.set(id, job)
  }

  #job(id: string): ModelJob {
    const job = this.jobs.get(id)
    if (job === undefined) throw new Error(`the model has no job ${id}`)
    return job
  }

  #finish(job: ModelJob, state: 'succeeded' | 'cancelled' | 'dead'): void {
    Object.assign(job, { state, soon: false, place: null })
    if (state !== 'cancelled') this.totals[state] += 1
  }

  #back(job: ModelJob): void {
    if (job.cancelAsked) this.#finish(job, 'cancelled')
    else Object.assign(job, { state: 'queued', place: -this.#end() })
  }

  #end(): number {
    this.#places += 1
    return this.#places
  }

  #runningIn(group: string): number {
    return this.in('running').filter((job) => job.group === group).length
  }

  #claimable(waits: (job: ModelJob) => boolean): number {
    if (this.paused) return 0
    const waiting = [...this.jobs.values()].filter(waits)
    const groups = new Set(waiting.map((job) => job.group))
    let count = 0
    for (const group of groups) {
      const inGroup = waiting.filter((job) => job.group === group).length
      const room = group === null ? inGroup : Math.max(0, this.groupConcurrency - this.#runningIn(group))
      count += Math.min(inGroup, room)
    }
    if (this.concurrency === null) return count
    return Math.min(count, Math.max(0, this.concurrency - this.in('running').length))
  }
}

export function isFinal(job: ModelJob): boolean {
  return isFinalJobState(job.state)
}

function goesBefore(a: ModelJob, b: ModelJob): boolean {
  if (a.id === b.id) return false
  if (a.priority !== b.priority) return a.priority > b.priority
  return a.place !== null && b.place !== null && a.place < b.place
}
