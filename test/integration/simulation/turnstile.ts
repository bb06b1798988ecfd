import type { Random } from './random.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { calm } from './virtual-time.ts'

interface Waiter {
  readonly process: SimulatedProcess
  readonly resolve: () => void
}

/**
 * One transaction or lone statement at a time, of all processes. Who is next among those who wait is the seed's choice,
 * made only when nobody else can still come to wait; so the order does not depend on how fast the database answers.
 */
export class Turnstile {
  readonly #random: Random
  #waiting: Waiter[] = []
  #busy = false
  #choosing = false
  readonly #idlers: (() => void)[] = []

  constructor(random: Random) {
    this.#random = random
  }

  enter(process: SimulatedProcess): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ process, resolve })
      void this.look()
    })
  }

  leave(): void {
    this.#busy = false
    void this.look()
  }

  /** To be called when somebody who waits may go on again. */
  async look(): Promise<void> {
    if (this.#busy || this.#choosing) return
    this.#choosing = true
    await calm()
    this.#choosing = false
    this.#waiting = this.#waiting.filter(({ process }) => process.alive)
    const ready = this.#waiting.filter(({ process }) => process.running)
    if (ready.length === 0) {
      for (const resolve of this.#idlers.splice(0)) resolve()
      return
    }
    const chosen = this.#random.pick(ready)
    this.#waiting = this.#waiting.filter((waiter) => waiter !== chosen)
    this.#busy = true
    chosen.resolve()
  }

  /** Resolves when nobody uses the database and nobody is about to. */
  async settled(): Promise<void> {
    for (;;) {
      await calm()
      if (!this.#busy && !this.#choosing) return
      await new Promise<void>((resolve) => this.#idlers.push(resolve))
    }
  }
}
