/**
 * Where the last claim of a queue ended. Index entries of claimed jobs stay until they are vacuumed, so a claim that began
 * at the very front would walk over every job done since then. It begins here instead, and now and then at the front
 * again, so seldom that it costs no more than a small part of the time: what was added late by a long transaction, or by
 * a process that has since taken it back, is found then.
 */
export interface Floor {
  readonly rank: number
  readonly seq: string
}

interface Known {
  floor: Floor | undefined
  /** By `performance.now()`. */
  nextFullAt: number
}

/** A look from the front may take this share of the time at most. */
const FULL_SHARE = 1 / 20
const FULL_EVERY_MS = 200

export class Floors {
  readonly #known = new Map<number, Known>()

  /** Undefined: from the front. */
  of(queue: number): Floor | undefined {
    const known = this.#known.get(queue)
    return known === undefined || performance.now() >= known.nextFullAt ? undefined : known.floor
  }

  /** @param last of a claim that got all it wanted; undefined when it did not */
  claimed(queue: number, last: Floor | undefined, tookMs: number, wasFull: boolean): void {
    const known = this.#known.get(queue) ?? { floor: undefined, nextFullAt: 0 }
    // Jobs that were handed back come before all others of their rank; no floor can be laid among them.
    known.floor = last === undefined || last.seq.startsWith('-') ? undefined : { rank: last.rank, seq: last.seq }
    if (wasFull) known.nextFullAt = performance.now() + Math.max(FULL_EVERY_MS, tookMs / FULL_SHARE)
    this.#known.set(queue, known)
  }

  forget(queue: number): void {
    this.#known.delete(queue)
  }
}
