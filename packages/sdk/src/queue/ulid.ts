import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME_LENGTH = 10
const RANDOM_LENGTH = 16

let lastMs = -1
let timeText = ''
/** The random part as base-32 digits, counted up within a millisecond so that ids of one process sort by their making. */
const digits = new Uint8Array(RANDOM_LENGTH)
/** All but the last four digits as text: they change once in a million ids. */
let head = ''

/** A ULID in lower case (26 characters); later ones of the same process sort after earlier ones. */
export function ulid(now: number = Date.now()): string {
  if (now > lastMs) begin(now)
  else advance()
  return (
    timeText +
    head +
    ALPHABET.charAt(digits[12]!) +
    ALPHABET.charAt(digits[13]!) +
    ALPHABET.charAt(digits[14]!) +
    ALPHABET.charAt(digits[15]!)
  )
}

function begin(now: number): void {
  lastMs = now
  let rest = now
  timeText = ''
  for (let i = 0; i < TIME_LENGTH; i += 1) {
    timeText = ALPHABET.charAt(rest % 32) + timeText
    rest = Math.floor(rest / 32)
  }
  const bytes = randomBytes(RANDOM_LENGTH)
  for (let i = 0; i < RANDOM_LENGTH; i += 1) digits[i] = bytes[i]! & 31
  // Room to count up: an overflow would need 2^79 ids in one millisecond.
  digits[0] = digits[0]! & 15
  writeHead()
}

function advance(): void {
  let i = RANDOM_LENGTH - 1
  while (digits[i] === 31) {
    digits[i] = 0
    i -= 1
  }
  digits[i] = digits[i]! + 1
  if (i < 12) writeHead()
}

function writeHead(): void {
  head = ''
  for (let i = 0; i < 12; i += 1) head += ALPHABET.charAt(digits[i]!)
}
