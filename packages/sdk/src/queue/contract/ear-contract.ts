import type { QueueDriver, Signal } from '../driver.ts'

const PATIENCE_MS = 10_000

/** Keeps what a driver signals, and waits for more. */
export class Ear {
  readonly heard: Signal[] = []
  readonly #wakeUps = new Set<() => void>()
  #end: (() => void) | undefined

  static async open(driver: QueueDriver, queues: readonly string[]): Promise<Ear> {
    const ear = new Ear()
    ear.#end = await driver.listen(queues, (signal) => {
      ear.heard.push(signal)
      for (const wakeUp of ear.#wakeUps) wakeUp()
    })
    return ear
  }

  close(): void {
    this.#end?.()
  }

  /** Forgets what was heard so far. */
  clear(): void {
    this.heard.length = 0
  }

  /** The first signal that fits, from the last `clear` on. Rejects when it does not come at all. */
  until<T extends Signal>(fits: (signal: Signal) => signal is T): Promise<T>
  until(fits: (signal: Signal) => boolean): Promise<Signal>
  async until(fits: (signal: Signal) => boolean): Promise<Signal> {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const signal = this.heard.find(fits)
      if (signal !== undefined) return signal
      await this.#next(deadline - Date.now())
    }
  }

  kind<K extends Signal['kind']>(kind: K): Promise<Signal & { kind: K }> {
    return this.until((signal): signal is Signal & { kind: K } => signal.kind === kind)
  }

  #next(patienceMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        this.#wakeUps.delete(wakeUp)
        clearTimeout(timer)
        done()
      }
      const wakeUp = () => settle(resolve)
      const timer = setTimeout(
        () => {
          settle(() => reject(new Error(`the signal did not come; heard: ${JSON.stringify(this.heard)}`)))
        },
        Math.max(0, patienceMs),
      )
      this.#wakeUps.add(wakeUp)
    })
  }
}
