const UNIT: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  ki: 1024,
  kb: 1024,
  m: 1024 ** 2,
  mi: 1024 ** 2,
  mb: 1024 ** 2,
  g: 1024 ** 3,
  gi: 1024 ** 3,
  gb: 1024 ** 3,
}
const SIZE = /^(\d{1,15})([a-z]{0,2})$/i

/**
 * Bytes of a memory size such as `512Mi`, `512m` or `1g`. All units are powers of 1024, as Docker's are.
 *
 * @throws RangeError when the text is no size.
 */
export function parseSize(text: string): number {
  const match = SIZE.exec(text)
  const factor = match ? UNIT[(match[2] ?? '').toLowerCase()] : undefined
  if (!match || factor === undefined) throw new RangeError(`"${text.slice(0, 40)}" is not a size; write 512Mi or 1Gi`)
  const bytes = Number(match[1]) * factor
  if (!Number.isSafeInteger(bytes)) throw new RangeError(`"${text}" is too large`)
  return bytes
}

/** `536870912` → `512Mi`; a size that is no whole number of Ki stays in bytes. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ['Gi', 1024 ** 3],
    ['Mi', 1024 ** 2],
    ['Ki', 1024],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`
  }
  return `${bytes}`
}
