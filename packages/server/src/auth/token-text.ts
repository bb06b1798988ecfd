import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * `panda_<43 characters, 256 random bits>_<7 characters checksum>`. The prefix and the checksum let secret scanners find
 * a leaked token without asking anybody, and let us refuse a mistyped one without asking the database.
 */
const FORM = /^panda_([A-Za-z0-9_-]{43})_([0-9a-z]{7})$/

export function newTokenText(): string {
  const random = randomBytes(32).toString('base64url')
  return `panda_${random}_${checksum(random)}`
}

export function isTokenText(text: string): boolean {
  const match = FORM.exec(text)
  return match?.[1] !== undefined && checksum(match[1]) === match[2]
}

/** What is stored. A fast hash is right here: 256 random bits cannot be guessed, however quick the guessing is. */
export function hashToken(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function checksum(random: string): string {
  return crc32(random).toString(36).padStart(7, '0')
}
