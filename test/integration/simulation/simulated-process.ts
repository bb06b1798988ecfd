/** Thrown where a process dies in the middle of a call that cannot wait; nobody is left to hear it. */
export class Died extends Error {
  override readonly name = 'Died'
}

/**
 * Moments in which it hurts to stand still: asked to start a unit and not done it, started it and not heard of it, in the
 * middle of the transaction that records an end, that committed and not heard of it.
 */
export const MOMENTS = ['start', 'started', 'recording', 'recorded'] as const
export type Moment = (typeof MOMENTS)[number]

/**
 * The life of one server process. It takes its steps at the requests to database and engine and at their answers, so
 * it can die between any two of them: from then on none of its requests goes out and no answer, no timer reaches it.
 */
export class SimulatedProcess {
  readonly id: string
  #alive = true
  #frozen = false
  #stepsLeft = Number.POSITIVE_INFINITY
  /** Told of each moment that it comes to; may freeze it there. */
  readonly #onMoment: (moment: Moment) => void
  readonly #thawed: (() => void)[] = []

  constructor(id: string, onMoment: (moment: Moment) => void = () => undefined) {
    this.id = id
    this.#onMoment = onMoment
  }

  get alive(): boolean {
    return this.#alive
  }

  get frozen(): boolean {
    return this.#alive && this.#frozen
  }

  /** False while it may not send anything. */
  get running(): boolean {
    return this.#alive && !this.#frozen
  }

  /** It dies at the n-th step from now. */
  dieIn(steps: number): void {
    this.#stepsLeft = steps
  }

  die(): void {
    this.#alive = false
  }

  /** As SIGSTOP: its connections stay, and what it is to receive waits for it. */
  freeze(): void {
    this.#frozen = true
  }

  reach(moment: Moment): void {
    if (this.running) this.#onMoment(moment)
  }

  thaw(): void {
    this.#frozen = false
    const waiting = this.#thawed.splice(0)
    for (const resolve of waiting) resolve()
  }

  step(): void {
    if (--this.#stepsLeft <= 0) this.die()
  }

  /** Resolves at once, or when it is thawed, or never. */
  async mayGoOn(): Promise<void> {
    while (!this.running) await new Promise<void>((resolve) => this.#thawed.push(resolve))
  }
}
