/** What is read may be older than its cost by this factor, so that reading takes a tenth of a connection at most. */
const PACE = 10

interface Reading<T> {
  readonly value: Promise<T>
  /** On the clock given; Infinity while it is being read. */
  freshUntilMs: number
}

/**
 * Reads that are shared: a value is at most ten times as old as it took to read it. A count of a few rows is read anew
 * each time; one of a hundred thousand is not, however many ask.
 *
 * @param read one value for each key; there are few keys, since each is kept
 */
export function paced<K, T>(now: () => number, read: (key: K) => Promise<T>): (key: K) => Promise<T> {
  const readings = new Map<K, Reading<T>>()
  return (key) => {
    const known = readings.get(key)
    if (known !== undefined && known.freshUntilMs >= now()) return known.value
    const startedMs = now()
    const reading: Reading<T> = { value: read(key), freshUntilMs: Number.POSITIVE_INFINITY }
    readings.set(key, reading)
    const ended = (): void => {
      reading.freshUntilMs = now() + (now() - startedMs) * PACE
    }
    reading.value.then(ended, () => readings.delete(key))
    return reading.value
  }
}
