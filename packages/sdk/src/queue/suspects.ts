import type { Clock } from './clock.ts'
import type { ClaimedJob } from './driver.ts'
import { isSuspect } from './quarantine.ts'
import type { Quarantine } from './quarantine.ts'

/** A suspect was claimed while another one had its turn: nothing is claimed for so long, since it would come again at once. */
const REST_MS = 1000

interface Held {
  readonly claim: ClaimedJob
  readonly at: number
  /** Ends its turn. */
  readonly leave: () => void
  started: boolean
}

export interface SuspectsParts {
  readonly quarantine: Quarantine
  readonly clock: Clock
  /** Nothing else runs any more. */
  readonly start: (suspect: ClaimedJob) => void
  /** There may be room again. */
  readonly wake: () => void
}

/** The suspects of one consumer: at most one is held, and claims are made one at a time until one brings no suspect. */
export class Suspects {
  #held: Held | null = null
  #careful = false
  #restUntil = Number.NEGATIVE_INFINITY
  readonly #parts: SuspectsParts

  constructor(parts: SuspectsParts) {
    this.#parts = parts
  }

  /** Claimed, but not started. */
  get waiting(): ClaimedJob | null {
    return this.#held === null || this.#held.started ? null : this.#held.claim
  }

  /** @param room what could be claimed without suspects @param empty nothing is held and nothing asked for */
  room(room: number, empty: boolean): number {
    const { quarantine, clock } = this.#parts
    if (quarantine.closed || clock.now() < this.#restUntil) return 0
    if (!this.#careful) return room
    return empty ? Math.min(1, room) : 0
  }

  /** @returns what of the claimed jobs may be started, and what is to be handed back; null when all may, as nearly always */
  sort(jobs: readonly ClaimedJob[]): { readonly start: ClaimedJob[]; readonly back: readonly ClaimedJob[] } | null {
    const { quarantine, clock } = this.#parts
    if (quarantine.closed) return { start: [], back: jobs }
    const suspect = jobs.find(isSuspect)
    this.#careful = suspect !== undefined
    if (suspect === undefined) return null
    const leave = quarantine.enter(clock, () => this.#start())
    if (leave !== null) {
      this.#held = { claim: suspect, at: clock.now(), leave, started: false }
      return { start: [], back: jobs.filter((job) => job !== suspect) }
    }
    this.#careful = false
    this.#restUntil = clock.now() + REST_MS
    clock.after(REST_MS, this.#parts.wake, true)
    return { start: jobs.filter((job) => !isSuspect(job)), back: jobs.filter(isSuspect) }
  }

  /** To be called when something has ended. @param isRunning tells whether a claim is still being worked on */
  ended(isRunning: (claim: ClaimedJob) => boolean): void {
    if (this.#held?.started === true && !isRunning(this.#held.claim)) this.#leave()
  }

  /** Gives up one that waits, if it was claimed before `at`. @returns it */
  giveUp(at: number = Number.POSITIVE_INFINITY): ClaimedJob | null {
    const claim = this.waiting
    if (claim === null || this.#held === null || this.#held.at >= at) return null
    this.#leave()
    return claim
  }

  #start(): void {
    if (this.#held === null) return
    this.#held.started = true
    this.#parts.start(this.#held.claim)
  }

  #leave(): void {
    const held = this.#held
    this.#held = null
    held?.leave()
  }
}
