/** Job ids are ULIDs above the seam and uuids in the store: the same 128 bits, 16 bytes instead of 26 characters. */
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'
const NONE = 255
const valueOf = new Uint8Array(128).fill(NONE)
for (let value = 0; value < DIGITS.length; value += 1) valueOf[DIGITS.charCodeAt(value)] = value
const PAIRS = Array.from({ length: 1024 }, (_, n) => `${DIGITS[n >> 5]}${DIGITS[n & 31]}`)

/** @returns 32 hexadecimal digits, which PostgreSQL reads as a uuid; null when it is no ULID in lower case */
export function uuidOf(ulid: string): string | null {
  if (ulid.length !== 26) return null
  let seen = 0
  const digit = (index: number): number => {
    const value = valueOf[ulid.charCodeAt(index)] ?? NONE
    seen |= value
    return value
  }
  const head = (digit(0) << 5) | digit(1)
  let hex = (head + 0x100).toString(16).slice(1)
  for (let at = 2; at < 26; at += 4) {
    const bits = (digit(at) << 15) | (digit(at + 1) << 10) | (digit(at + 2) << 5) | digit(at + 3)
    hex += (bits + 0x100000).toString(16).slice(1)
  }
  return seen > 31 || head > 255 ? null : hex
}

/** @param uuid as PostgreSQL writes it, with dashes */
export function ulidOf(uuid: string): string {
  const hex = uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24)
  let ulid = PAIRS[Number.parseInt(hex.slice(0, 2), 16)] ?? ''
  for (let at = 2; at < 32; at += 5) {
    const bits = Number.parseInt(hex.slice(at, at + 5), 16)
    ulid += `${PAIRS[bits >> 10]}${PAIRS[bits & 1023]}`
  }
  return ulid
}
