import { Fifo } from './fifo.ts'

/** Where something stands in a lane. It holds no more once the thing has left or was given another place. */
export interface Place<T> {
  readonly item: T
  readonly at: number
}

/** Waiting items by priority (higher first), FIFO within one. Places that hold no more are skipped at the front. */
export class Lanes<T> {
  readonly #lanes = new Map<number, Fifo<Place<T>>>()
  readonly #holds: (place: Place<T>) => boolean
  #priorities: number[] = []

  constructor(holds: (place: Place<T>) => boolean) {
    this.#holds = holds
  }

  push(priority: number, place: Place<T>): void {
    this.#lane(priority).push(place)
  }

  unshift(priority: number, place: Place<T>): void {
    this.#lane(priority).unshift(place)
  }

  shift(): T | undefined {
    for (const priority of this.#priorities) {
      const place = this.#firstOf(priority)
      if (place === undefined) continue
      this.#lanes.get(priority)?.dropFirst()
      return place.item
    }
    return undefined
  }

  /** The first of each priority. */
  heads(): T[] {
    return this.#priorities.flatMap((priority) => this.#firstOf(priority)?.item ?? [])
  }

  /** An empty lane is removed; the list of priorities is replaced and not changed, since callers walk it. */
  #firstOf(priority: number): Place<T> | undefined {
    const lane = this.#lane(priority)
    for (let place = lane.first(); place !== undefined; place = lane.first()) {
      if (this.#holds(place)) return place
      lane.dropFirst()
    }
    this.#lanes.delete(priority)
    this.#priorities = this.#priorities.filter((one) => one !== priority)
    return undefined
  }

  #lane(priority: number): Fifo<Place<T>> {
    const known = this.#lanes.get(priority)
    if (known !== undefined) return known
    const lane = new Fifo<Place<T>>()
    this.#lanes.set(priority, lane)
    this.#priorities = [...this.#priorities, priority].sort((a, b) => b - a)
    return lane
  }
}
