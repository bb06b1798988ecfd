import type { Consumer, ConsumeOptions, Delivery, EventDriver, Settlement } from '../driver.ts'

const PATIENCE_MS = 20_000

export interface TakerOptions extends Partial<ConsumeOptions> {
  /** What becomes of each delivery as it comes; null, and the default: it is kept, for the test to settle. */
  readonly answer?: (delivery: Delivery) => Settlement | null
}

/** A consumer that keeps what it was given, in order, and waits for more. */
export class Taker {
  readonly deliveries: Delivery[] = []
  /** What the settlements by `answer` came to. */
  readonly settled: boolean[] = []
  readonly #wakeUps = new Set<() => void>()
  #consumer: Consumer | null = null
  #failure: unknown = null
  #seen = 0

  static async start(driver: EventDriver, subscription: string, options: TakerOptions = {}): Promise<Taker> {
    const { answer = () => null, ...consume } = options
    const taker = new Taker()
    taker.#consumer = await driver.consume(subscription, { prefetch: 50, ...consume }, (delivery) => {
      taker.deliveries.push(delivery)
      const settlement = answer(delivery)
      if (settlement !== null) void taker.#settle(delivery, settlement)
      taker.#wake()
    })
    return taker
  }

  get consumer(): Consumer {
    if (this.#consumer === null) throw new Error('the consumer has not started')
    return this.#consumer
  }

  /** The first that was not asked for yet. Rejects when it does not come at all. */
  async next(): Promise<Delivery> {
    const [delivery] = await this.take(1)
    if (delivery === undefined) throw new Error('nothing came')
    return delivery
  }

  /** The next so many. */
  async take(count: number): Promise<readonly Delivery[]> {
    const from = this.#seen
    await this.until(() => this.deliveries.length >= from + count, `${from + count} deliveries`)
    this.#seen = from + count
    return this.deliveries.slice(from, from + count)
  }

  /** Resolves when it is so, looking after each delivery and each settlement. */
  async until(isSo: () => boolean, what = 'what is waited for'): Promise<void> {
    await Taker.untilAll([this], isSo, what)
  }

  /** All deliveries of several takers, as soon as there are so many together. */
  static async together(takers: readonly Taker[], count: number): Promise<readonly Delivery[]> {
    const all = () => takers.flatMap(({ deliveries }) => deliveries)
    await Taker.untilAll(takers, () => all().length >= count, `${count} deliveries together`)
    return all()
  }

  static async untilAll(takers: readonly Taker[], isSo: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (!isSo()) {
      for (const taker of takers) if (taker.#failure !== null) throw taker.#failure
      const left = deadline - performance.now()
      const counts = takers.map(({ deliveries }) => deliveries.length)
      if (left <= 0) throw new Error(`it did not come to that: ${what}; there were ${counts.join(' + ')} deliveries`)
      await Taker.#wakeUp(takers, left)
    }
  }

  async #settle(delivery: Delivery, settlement: Settlement): Promise<void> {
    try {
      this.settled.push(await delivery.settle(settlement))
    } catch (error) {
      this.#failure = error
    }
    this.#wake()
  }

  #wake(): void {
    for (const wakeUp of this.#wakeUps) wakeUp()
  }

  static #wakeUp(takers: readonly Taker[], patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wakeUp = () => {
        clearTimeout(timer)
        for (const taker of takers) taker.#wakeUps.delete(wakeUp)
        resolve()
      }
      const timer = setTimeout(wakeUp, patienceMs)
      for (const taker of takers) taker.#wakeUps.add(wakeUp)
    })
  }
}
