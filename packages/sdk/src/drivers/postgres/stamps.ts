/** The store's stamps (see schema/tables.ts): microseconds since 2020, shifted by 12 bits; the sign bit is no part of the time. */
const EPOCH_MS = Date.UTC(2020, 0, 1)
const SIGN = 2 ** 63

/** @returns ms since 1970 */
export function msOf(stamp: string): number {
  const number = Number(stamp)
  return EPOCH_MS + Math.floor((number < 0 ? number + SIGN : number) / 4096 / 1000)
}

export function msOrNull(stamp: string | null): number | null {
  return stamp === null ? null : msOf(stamp)
}
