import { setImmediate as nextTurn } from 'node:timers/promises'

/** Answered in one turn of the event loop: what the callers do next must not keep others, such as the API, waiting. */
const SLICE = 100

export interface CoalesceOptions<T, R> {
  /** Does a batch in one go and answers in the same order. */
  readonly run: (items: readonly T[]) => Promise<readonly R[]>
  /** Items per batch at most. */
  readonly maxBatch: number
  /** Items that may wait at most; one more is refused. */
  readonly maxPending: number
}

export interface Coalesced<T, R> {
  (item: T): Promise<R>
  /** Resolves when nothing is waiting or under way. */
  idle(): Promise<void>
}

interface Entry<T, R> {
  readonly item: T
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
}

/**
 * Group commit: what is asked for in the same turn of the event loop, or while the batch before is under way, goes to
 * the database together. One batch at a time, so its order is the order of the calls. When a batch of several fails,
 * its halves are tried apart: one bad item cannot take its neighbours along.
 *
 * @throws RangeError (as a rejection) when more than `maxPending` wait.
 */
export function coalesce<T, R>(options: CoalesceOptions<T, R>): Coalesced<T, R> {
  const pending: Entry<T, R>[] = []
  const idlers: (() => void)[] = []
  let busy = false

  async function drain(): Promise<void> {
    while (pending.length > 0) await runBatch(options.run, pending.splice(0, options.maxBatch))
    busy = false
    for (const resolve of idlers.splice(0)) resolve()
  }

  const add = (item: T): Promise<R> => {
    if (pending.length >= options.maxPending) {
      return Promise.reject(new RangeError(`more than ${options.maxPending} writes are waiting`))
    }
    return new Promise<R>((resolve, reject) => {
      pending.push({ item, resolve, reject })
      if (busy) return
      busy = true
      setImmediate(() => void drain())
    })
  }
  const idle = (): Promise<void> => (busy ? new Promise((resolve) => idlers.push(resolve)) : Promise.resolve())
  return Object.assign(add, { idle })
}

/** Never rejects: each entry hears its own end. */
async function runBatch<T, R>(run: CoalesceOptions<T, R>['run'], entries: readonly Entry<T, R>[]): Promise<void> {
  try {
    const results = await run(entries.map((entry) => entry.item))
    if (results.length !== entries.length) throw new Error(`${entries.length} items gave ${results.length} results`)
    for (const [index, entry] of entries.entries()) {
      if (index > 0 && index % SLICE === 0) await nextTurn()
      entry.resolve(results[index] as R)
    }
  } catch (error) {
    if (entries.length === 1) {
      entries[0]?.reject(error)
      return
    }
    const half = Math.ceil(entries.length / 2)
    await runBatch(run, entries.slice(0, half))
    await runBatch(run, entries.slice(half))
  }
}
