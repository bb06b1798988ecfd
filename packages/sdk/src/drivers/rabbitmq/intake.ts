/**
 * Hands out at most `limit` deliveries at a time, in order. A suspect is announced before it comes, and has a place reserved
 * by then; an exclusive one, which has killed its consumer before, is run with nothing beside it: `drain` stops the others
 * until it is over.
 */
export class Intake {
  #limit: number
  #held = 0
  #stopped = false
  #waiting: (() => void)[] = []
  #gate: { readonly resolve: () => void } | null = null
  #isClosed = false
  #gateTimer: NodeJS.Timeout | undefined
  /** Counted in `#held`. */
  #reserved = false
  #reserver: ((isKept: boolean) => void) | null = null
  #reserveTimer: NodeJS.Timeout | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** A place is kept for a suspect that was announced. */
  get reserved(): boolean {
    return this.#reserved
  }

  get held(): number {
    return this.#held
  }

  setLimit(limit: number): void {
    this.#limit = limit
    if (limit === 0) this.#giveUp()
    this.#pump()
  }

  offer(handOut: () => void): void {
    this.#waiting.push(handOut)
    this.#pump()
  }

  /**
   * Keeps the next free place, before all that waits and through the closed gate, for `limitMs`. There is one such place:
   * who asks while it is kept, gets the same.
   * @returns false when there was none for `patienceMs`, or when nothing more is to be handed out
   */
  async reserve(limitMs: number, patienceMs: number): Promise<boolean> {
    const isKept = this.#reserved || (await this.#place(patienceMs))
    clearTimeout(this.#reserveTimer)
    if (isKept) this.#reserveTimer = setTimeout(() => this.#unreserve(), limitMs)
    return isKept
  }

  async #place(patienceMs: number): Promise<boolean> {
    if (this.#stopped || this.#limit === 0) return false
    const isFree = new Promise<boolean>((resolve) => {
      this.#reserver = resolve
      this.#pump()
    })
    const timer = setTimeout(() => this.#giveUp(), patienceMs)
    return isFree.finally(() => clearTimeout(timer))
  }

  #giveUp(): void {
    clearTimeout(this.#reserveTimer)
    this.#reserver?.(false)
    this.#reserver = null
  }

  /** In the reserved place, or in a free one; an exclusive one only with nothing beside it. @returns whether it was handed out */
  admit(exclusive: boolean, handOut: () => void): boolean {
    const others = this.#held - (this.#reserved ? 1 : 0)
    if (this.#stopped || (exclusive ? others > 0 : others >= this.#limit)) return false
    clearTimeout(this.#reserveTimer)
    this.#reserved = false
    this.#held = others + 1
    if (exclusive) this.#isClosed = true
    if (exclusive) clearTimeout(this.#gateTimer)
    handOut()
    return true
  }

  #unreserve(): void {
    if (!this.#reserved) return
    this.#reserved = false
    this.settled()
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

  open(): void {
    clearTimeout(this.#gateTimer)
    this.#isClosed = false
    this.#pump()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#gateTimer)
    this.#giveUp()
  }

  /** Forgets what was not handed out, and what is held: their channel is gone. */
  reset(): void {
    this.#waiting = []
    this.#held = 0
    this.#gate?.resolve()
    this.#gate = null
    clearTimeout(this.#gateTimer)
    this.#isClosed = false
    this.#reserved = false
    this.#giveUp()
  }

  #pump(): void {
    if (this.#reserver !== null && this.#held < this.#limit) {
      this.#held += 1
      this.#reserved = true
      this.#reserver(true)
      this.#reserver = null
    }
    while (!this.#stopped && !this.#isClosed && this.#held < this.#limit) {
      const handOut = this.#waiting.shift()
      if (handOut === undefined) return
      this.#held += 1
      handOut()
    }
  }
}
