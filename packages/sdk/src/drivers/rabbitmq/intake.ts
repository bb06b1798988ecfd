/**
 * Hands out at most `limit` deliveries at a time, in order. An exclusive one, which has killed its consumer before, is run
 * with nothing beside it: `drain` stops the others until it is over.
 */
export class Intake {
  #limit: number
  #held = 0
  #stopped = false
  #waiting: (() => void)[] = []
  #gate: { readonly resolve: () => void } | null = null
  #isClosed = false
  #gateTimer: NodeJS.Timeout | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  get held(): number {
    return this.#held
  }

  setLimit(limit: number): void {
    this.#limit = limit
    this.#pump()
  }

  offer(handOut: () => void): void {
    this.#waiting.push(handOut)
    this.#pump()
  }

  /** Beyond the limit and through the closed gate: it must run in this moment. */
  force(handOut: () => void): void {
    this.#held += 1
    handOut()
  }

  settled(): void {
    this.#held -= 1
    if (this.#held === 0) this.#gate?.resolve()
    if (this.#held === 0) this.#gate = null
    this.#pump()
  }

  /** Resolves when nothing is held, and hands out nothing until `open`, or until `limitMs` after that. */
  async drain(limitMs: number): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#gateTimer)
    if (this.#held > 0) {
      await new Promise<void>((resolve) => {
        this.#gate = { resolve }
      })
    }
    this.#gateTimer = setTimeout(() => this.open(), limitMs)
  }

  /** Keeps the gate closed until `open`, however long. */
  keepClosed(): void {
    clearTimeout(this.#gateTimer)
  }

  open(): void {
    clearTimeout(this.#gateTimer)
    this.#isClosed = false
    this.#pump()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#gateTimer)
  }

  /** Forgets what was not handed out, and what is held: their channel is gone. */
  reset(): void {
    this.#waiting = []
    this.#held = 0
    this.#gate?.resolve()
    this.#gate = null
    clearTimeout(this.#gateTimer)
    this.#isClosed = false
  }

  #pump(): void {
    while (!this.#stopped && !this.#isClosed && this.#held < this.#limit) {
      const handOut = this.#waiting.shift()
      if (handOut === undefined) return
      this.#held += 1
      handOut()
    }
  }
}
