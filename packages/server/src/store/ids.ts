import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

export type IdPrefix = 'prj' | 'tok' | 'cj' | 'app' | 'run' | 'sec' | 'alt' | 'dlv' | 'srv' | 'inc' | 'ins'

const ID_BYTES = 16
/** Random bytes are fetched for so many ids at once: one by one they cost more than the rest of a planned tick. */
const pool = Buffer.alloc(256 * ID_BYTES)
let used = pool.length
/** Of the id before: within one millisecond, and while a clock that was set back catches up, the counter goes on. */
let msecs = 0
let seq = 0

/** `run_0192f…`: a UUID version 7 without dashes, so ids of one process sort by the time they were made. */
export function newId(prefix: IdPrefix): string {
  const random = nextRandom()
  const now = Date.now()
  // 31 bits, of 32: there is room to count up for longer than any clock stands.
  seq = now > msecs ? random.readUInt32BE(0) >>> 1 : seq + 1
  msecs = Math.max(now, msecs)
  return `${prefix}_${v7({ random, msecs, seq }).replaceAll('-', '')}`
}

function nextRandom(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += ID_BYTES
  return pool.subarray(used - ID_BYTES, used)
}
