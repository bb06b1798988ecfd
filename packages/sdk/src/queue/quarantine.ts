import { pause } from './clock.ts'
import type { Clock } from './clock.ts'
import type { ClaimedJob } from './driver.ts'
import { MAX_CRASHES } from './states.ts'

/** So long a suspect waits for what runs beside it; then it starts all the same: what runs may be waiting for it. */
export const EMPTYING_MS = 30_000
/** So long a suspect runs alone; then others start beside it, for it may be waiting for one of them. */
export const ALONE_MS = 30_000

/** One crash more would be its end: whoever it runs beside must not be able to give it that. */
export function isSuspect(job: ClaimedJob): boolean {
  return job.crashes >= MAX_CRASHES - 1
}

/** A consumer of this process, of whatever queue and store. */
export interface Member {
  /** Hands back all that it has not started, and takes nothing, as long as the quarantine is closed. */
  makeWay(): void
  /** Resolves when it runs nothing and the store knows that it holds nothing. */
  emptied(): Promise<void>
  /** The quarantine is open again. */
  goOn(): void
}

/**
 * Runs suspects one at a time and alone in the process, across its queues: when the process dies then, there is only one
 * that can have killed it. Two suspects never run at the same time, however long they take.
 */
export class Quarantine {
  readonly #members = new Set<Member>()
  #turn: { alone: boolean; readonly over: AbortController } | null = null

  /** @returns takes it out again */
  join(member: Member): () => void {
    this.#members.add(member)
    return () => void this.#members.delete(member)
  }

  /** True while nobody may start or claim anything: a suspect waits for the others to end, or runs alone. */
  get closed(): boolean {
    return this.#turn?.alone === true
  }

  /**
   * Calls `start` as soon as nothing else runs in this process.
   * @returns to be called when the suspect has ended or was given up; null when another suspect has its turn
   */
  enter(clock: Clock, start: () => void): (() => void) | null {
    if (this.#turn !== null) return null
    const turn = { alone: true, over: new AbortController() }
    this.#turn = turn
    void this.#run(turn, clock, start)
    return () => {
      turn.over.abort()
      if (this.#turn !== turn) return
      this.#turn = null
      this.#goOn()
    }
  }

  async #run(turn: { alone: boolean; readonly over: AbortController }, clock: Clock, start: () => void): Promise<void> {
    const members = [...this.#members]
    for (const member of members) member.makeWay()
    const patience = new AbortController()
    turn.over.signal.addEventListener('abort', () => patience.abort(), { once: true })
    await Promise.race([
      Promise.all(members.map((member) => member.emptied())),
      pause(clock, EMPTYING_MS, patience.signal),
    ])
    patience.abort()
    if (turn.over.signal.aborted) return
    start()
    await pause(clock, ALONE_MS, turn.over.signal)
    if (turn.over.signal.aborted) return
    turn.alone = false
    this.#goOn()
  }

  #goOn(): void {
    for (const member of this.#members) member.goOn()
  }
}

/** Of this process: its stores and queues die together. */
export const processQuarantine = new Quarantine()
