/** A small seeded generator (mulberry32), so that a failing case can be run again from the seed it printed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return low + Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * (high - low + 1))
  }

  chance(percent: number): boolean {
    return this.int(1, 100) <= percent
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
}

/** The seed of this test run: `PANDA_SEED` to repeat one, else new each time. */
export function testSeed(): number {
  const given = process.env['PANDA_SEED']
  return given === undefined || given === '' ? Date.now() % 1_000_000_007 : Number(given)
}
