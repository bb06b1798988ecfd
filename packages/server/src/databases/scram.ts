import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/** PostgreSQL's own default. */
const ITERATIONS = 4096
const KEY_BYTES = 32
const SALT_BYTES = 16

/**
 * What PostgreSQL stores of a password (RFC 5803). It is handed over instead of the password, which so never stands in a
 * statement, and therefore in no log of statements.
 *
 * @param password ASCII: other texts would have to be normalized first
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(SALT_BYTES)): string {
  if (!/^[\x21-\x7e]+$/.test(password)) throw new RangeError('the password must be of printable ASCII characters')
  const salted = pbkdf2Sync(password, salt, ITERATIONS, KEY_BYTES, 'sha256')
  const stored = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64')
  const server = hmac(salted, 'Server Key').toString('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${server}`
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
