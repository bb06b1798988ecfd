/**
 * Numbers for a worker's calls. A worker has a few calls under way at the same time, each in a lane of its own; a lane's
 * calls follow one another and are numbered, and the store remembers the last number of each lane. So it can tell a call
 * that comes twice: because its answer was lost and it was sent again, or because a stalled connection delivers it late.
 */
import { randomBytes } from 'node:crypto'

export interface Lane {
  readonly name: string
  number: number
  busy: boolean
}

export class Lanes {
  /** Another process must never use the same names, even for a worker of the same name. */
  readonly #own = randomBytes(6).toString('base64url')
  readonly #byWorker = new Map<string, Lane[]>()

  /** A free lane, with the next number taken. */
  take(queue: string, worker: string): Lane {
    const key = JSON.stringify([queue, worker])
    const lanes = this.#byWorker.get(key) ?? []
    this.#byWorker.set(key, lanes)
    let lane = lanes.find(({ busy }) => !busy)
    if (lane === undefined) {
      lane = { name: `${this.#own}-${lanes.length}`, number: 0, busy: false }
      lanes.push(lane)
    }
    lane.busy = true
    lane.number += 1
    return lane
  }
}
