import { setTimeout as delay } from 'node:timers/promises'

const pollMs = 15

/**
 * Asks until the answer is neither `false` nor `undefined`, and returns it. Only for outside state that has no event to
 * await. An error in `condition` ends the wait; say with `false` that it is not yet so.
 *
 * @param what completes "waited 10000 ms for …"
 * @param timeoutMs default 10 s
 */
export async function waitFor<T>(
  what: string,
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  timeoutMs = 10_000,
): Promise<T> {
  const startedAt = performance.now()
  for (;;) {
    const answer = await condition()
    if (answer !== false && answer !== undefined) return answer
    if (performance.now() - startedAt > timeoutMs) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await delay(pollMs)
  }
}
