/**
 * One reading for all who ask while it is being made, and for `ms` from its end. A failed one is not kept.
 *
 * @param now milliseconds on a steady clock
 */
export function sharedFor<T>(ms: number, now: () => number, read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined
  let freshUntilMs = Infinity
  return () => {
    if (reading !== undefined && now() < freshUntilMs) return reading
    const mine = read()
    reading = mine
    freshUntilMs = Infinity
    mine.then(
      () => (freshUntilMs = now() + ms),
      () => (reading = undefined),
    )
    return mine
  }
}
