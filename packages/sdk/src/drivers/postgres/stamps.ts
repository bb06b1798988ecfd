/** The store's stamps (see schema/tables.ts): microseconds since 2020, shifted by 12 bits. */
const EPOCH_MS = Date.UTC(2020, 0, 1)

/** @returns ms since 1970 */
export function msOf(stamp: string): number {
  return EPOCH_MS + Math.floor(Number(stamp) / 4096 / 1000)
}

export function msOrNull(stamp: string | null): number | null {
  return stamp === null ? null : msOf(stamp)
}
