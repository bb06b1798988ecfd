import { durationMs } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { assertKnown, namesOf } from '../options.ts'
import type { Change, ChangeOutcome, QueueDriver } from './driver.ts'
import { DEFAULT_KEEP } from './keep-policy.ts'
import type { FinishedOptions, JobActions, JobEdit } from './job.ts'
import { JobInfo, notFound } from './job.ts'
import { checkPriority } from './job-options.ts'
import type { Ended } from './finish-watch.ts'
import { FINAL_JOB_STATES } from './states.ts'
import type { DeadReason, JobState } from './states.ts'
import type { Store } from './store.ts'
import { decodeError } from './stored-error.ts'

const PAGE = 500

export interface ListOptions {
  readonly state: JobState
  readonly group?: string
  /** Default 50, at most 1,000. */
  readonly limit?: number
  readonly cursor?: string
}
export interface RedriveOptions {
  /** Only these. Default: all dead ones. */
  readonly ids?: readonly string[]
  /** Only those that died for this reason. */
  readonly reason?: DeadReason
  /** So many at most. Default: no limit. */
  readonly limit?: number
}

const FINISHED = namesOf<FinishedOptions>({ timeout: true })
const LIST = namesOf<ListOptions>({ state: true, group: true, limit: true, cursor: true })
const REDRIVE = namesOf<RedriveOptions>({ ids: true, reason: true, limit: true })
const EDIT = namesOf<JobEdit<unknown>>({ data: true, priority: true })

/** Looks at and changes jobs that are already in the store. */
export class JobDesk<T, R> implements JobActions<T, R> {
  readonly #queue: string
  readonly #store: Store
  readonly #encode: (data: T) => Promise<string>
  readonly #waiting = new Set<() => void>()
  #isClosed = false

  /** @param encode checks new data and makes JSON of them */
  constructor(queue: string, store: Store, encode: (data: T) => Promise<string>) {
    this.#queue = queue
    this.#store = store
    this.#encode = encode
  }

  async find(id: string): Promise<JobInfo<T, R> | null> {
    const [record] = await this.#call('look up a job in', (driver, signal) => driver.get(this.#queue, [id], signal))
    return record === undefined || record === null ? null : new JobInfo<T, R>(record, this)
  }

  async list(options: ListOptions): Promise<{ jobs: JobInfo<T, R>[]; cursor: string | null }> {
    assertKnown(options, LIST, 'list')
    const { state, group, limit = 50, cursor } = options
    const query = {
      state,
      limit: Math.min(limit, 1000),
      ...(group !== undefined && { group }),
      ...(cursor !== undefined && { cursor }),
    }
    const page = await this.#call('list jobs of', (driver, signal) => driver.list(this.#queue, query, signal))
    return { jobs: page.jobs.map((record) => new JobInfo<T, R>(record, this)), cursor: page.cursor }
  }

  logs(id: string): Promise<readonly string[]> {
    return this.#call('read logs of', (driver) => driver.logs(this.#queue, id))
  }

  async finished(id: string, options: FinishedOptions = {}): Promise<R> {
    assertKnown(options, FINISHED, 'finished')
    const timeout = options.timeout === undefined ? null : durationMs(options.timeout, 'timeout')
    if (this.#isClosed) throw this.#closedWhile(id)
    return this.#result(id, await this.#end(id, timeout))
  }

  /** Who waits for the end of a job is told that it will not hear of it. */
  close(): void {
    this.#isClosed = true
    for (const giveUp of this.#waiting) giveUp()
  }

  /** @param timeout in ms; null = as long as it takes */
  async #end(id: string, timeout: number | null): Promise<Ended> {
    const undo: (() => void)[] = []
    const ended = new Promise<Ended>((resolve, reject) => {
      const giveUp = (): void => reject(this.#closedWhile(id))
      this.#waiting.add(giveUp)
      undo.push(() => this.#waiting.delete(giveUp))
      if (timeout !== null) undo.push(this.#store.clock.after(timeout, () => reject(this.#tooLate(id, timeout))))
      const watching = this.#call('wait for a job of', async (_driver, signal) =>
        (await this.#store.parts()).finish.watch(this.#queue, id, { ended: resolve, failed: reject }, signal),
      )
      watching.catch(reject)
      // Also when the store has not answered yet.
      undo.push(() => void stopWatching(watching))
    })
    try {
      return await ended
    } finally {
      for (const step of undo) step()
    }
  }

  cancel(id: string, reason = 'cancelled'): Promise<void> {
    return this.#one(id, { kind: 'cancel', reason, keep: DEFAULT_KEEP.cancelled }, 'cancel')
  }

  async retry(id: string, data?: T): Promise<void> {
    await this.#one(id, { kind: 'retry', ...(data !== undefined && { body: await this.#encode(data) }) }, 'retry')
  }

  promote(id: string): Promise<void> {
    return this.#one(id, { kind: 'promote' }, 'promote')
  }

  async edit(id: string, edit: JobEdit<T>): Promise<void> {
    assertKnown(edit, EDIT, 'edit')
    const { data, priority } = edit
    const body = data === undefined ? {} : { body: await this.#encode(data) }
    const rank = priority === undefined ? {} : { priority: checkPriority(priority) }
    await this.#one(id, { kind: 'edit', ...body, ...rank }, 'edit')
  }

  remove(id: string): Promise<void> {
    return this.#one(id, { kind: 'remove' }, 'remove')
  }

  /** Queues dead jobs anew. @returns how many */
  async redrive(options: RedriveOptions = {}): Promise<number> {
    assertKnown(options, REDRIVE, 'redrive')
    const { ids, reason, limit = Number.POSITIVE_INFINITY } = options
    if (ids !== undefined) return this.#redriveSome(ids, reason, limit)
    let done = 0
    let cursor: string | null = null
    const seen = new Set<string>()
    do {
      const page: { jobs: JobInfo<T, R>[]; cursor: string | null } = await this.list({
        state: 'dead',
        limit: PAGE,
        ...(cursor !== null && { cursor }),
      })
      const chosen = page.jobs.filter((job) => !seen.has(job.id) && (reason === undefined || job.reason === reason))
      for (const job of chosen) seen.add(job.id)
      done += count(
        await this.#change(
          chosen.slice(0, limit - done).map((job) => job.id),
          { kind: 'retry' },
          'redrive',
        ),
      )
      cursor = page.cursor
    } while (cursor !== null && done < limit)
    return done
  }

  /** Of these, what is dead (for that reason): one that has succeeded must not run again by a slip of the hand. */
  async #redriveSome(ids: readonly string[], reason: DeadReason | undefined, limit: number): Promise<number> {
    const records = await this.#call('look up jobs in', (driver, signal) => driver.get(this.#queue, ids, signal))
    const dead = records.filter((record) => record?.state === 'dead' && (reason ?? record.reason) === record.reason)
    const chosen = dead.flatMap((record) => (record === null ? [] : [record.id])).slice(0, limit)
    return count(await this.#change(chosen, { kind: 'retry' }, 'redrive'))
  }

  /** Cancels all that waits (not what runs). @returns how many */
  async drain(reason = 'drained'): Promise<number> {
    let done = 0
    for (const state of ['queued', 'scheduled', 'retrying'] as const) {
      for (;;) {
        const { jobs } = await this.list({ state, limit: PAGE })
        const change: Change = { kind: 'cancel', reason, keep: DEFAULT_KEEP.cancelled }
        const cancelled = count(
          await this.#change(
            jobs.map((job) => job.id),
            change,
            'drain',
          ),
        )
        done += cancelled
        if (jobs.length < PAGE || cancelled === 0) break
      }
    }
    return done
  }

  async #one(id: string, change: Change, verb: string): Promise<void> {
    const [outcome] = await this.#change([id], change, verb)
    if (outcome === 'done' || outcome === 'requested') return
    if (outcome === 'not-found') throw notFound(this.#queue, id)
    const ended = FINAL_JOB_STATES.join(', ')
    const hint = change.kind === 'retry' ? `Only an ended job (${ended}) can be retried.` : undefined
    throw new PandaError(
      'wrong_state',
      `Job ${id} of "${this.#queue}" is in no state to ${verb} it`,
      hint === undefined ? {} : { hint },
    )
  }

  async #change(ids: readonly string[], change: Change, verb: string): Promise<readonly ChangeOutcome[]> {
    if (ids.length === 0) return []
    return this.#call(`${verb} jobs of`, (driver, signal) => driver.change(this.#queue, ids, change, signal))
  }

  #call<V>(what: string, call: (driver: QueueDriver, signal: AbortSignal) => Promise<V>): Promise<V> {
    return this.#store.call(`${what} queue "${this.#queue}"`, call)
  }

  #closedWhile(id: string): PandaError {
    return new PandaError('closed', `queue "${this.#queue}" was closed while waiting for the end of job ${id}`)
  }

  #tooLate(id: string, timeout: number): PandaError {
    return new PandaError('timed_out', `Job ${id} of "${this.#queue}" had not ended after ${timeout} ms`)
  }

  #result(id: string, ended: Ended): R {
    // The type of the value is the caller's word: it cannot be checked here.
    if (ended.state === 'succeeded') return (ended.value === null ? undefined : JSON.parse(ended.value)) as R
    if (ended.state === 'cancelled')
      throw new PandaError('job_cancelled', `Job ${id} of "${this.#queue}" was cancelled: ${ended.reason ?? ''}`)
    const stored = decodeError(ended.error)
    const cause =
      stored === null
        ? undefined
        : Object.assign(new Error(stored.message), { name: stored.name, stack: stored.stack ?? '' })
    throw new PandaError(
      'job_failed',
      `Job ${id} of "${this.#queue}" is dead (${ended.reason ?? ''}): ${stored?.message ?? 'no error is known'}`,
      { cause },
    )
  }
}

async function stopWatching(watching: Promise<() => void>): Promise<void> {
  try {
    const stop = await watching
    stop()
  } catch {
    // Its failure was told to who waited.
  }
}

function count(outcomes: readonly ChangeOutcome[]): number {
  return outcomes.filter((outcome) => outcome === 'done' || outcome === 'requested').length
}
