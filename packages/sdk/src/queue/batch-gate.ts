import type { Clock } from './clock.ts'

export interface BatchPlan {
  readonly size: number
  readonly waitMs: number
}

/** Decides when there is enough for a batch: it is full, or the first of it has waited long enough. */
export class BatchGate {
  #cancel: (() => void) | null = null
  #due = false
  readonly #plan: BatchPlan
  readonly #clock: Clock
  readonly #onDue: () => void

  constructor(plan: BatchPlan, clock: Clock, onDue: () => void) {
    this.#plan = plan
    this.#clock = clock
    this.#onDue = onDue
  }

  isOpen(there: number): boolean {
    const { size, waitMs } = this.#plan
    if (there === 0) return false
    if (there >= size || waitMs === 0 || this.#due) {
      this.#due = false
      this.stop()
      return true
    }
    this.#cancel ??= this.#clock.after(waitMs, () => {
      this.#cancel = null
      this.#due = true
      this.#onDue()
    })
    return false
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }
}
