import { createHash, createHmac, randomBytes } from 'node:crypto'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'

/** What a sealed text belongs to, e.g. `['secret', projectId, 'env', name, cronjobId]`. Bound into the seal. */
export type SecretContext = string | readonly string[]

export const SECRET_KEY_BYTES = 32
const FORMAT = 1
const KEY_ID_BYTES = 8
const NONCE_BYTES = 24
const HEAD_BYTES = 1 + KEY_ID_BYTES

/** The text cannot be opened: another key, another context, or changed bytes. */
export class SealError extends Error {
  override readonly name = 'SealError'
}

/**
 * Seals texts with XChaCha20-Poly1305. A random nonce of 24 bytes never repeats in practice, so no counter is kept. The
 * context is associated data: a ciphertext copied to another row, name or project does not open.
 *
 * Record: format (1 byte), key id (8), nonce (24), ciphertext with tag.
 */
export class SecretBox {
  readonly #key: Uint8Array
  readonly #keyId: Buffer

  /** @throws RangeError when the key has not 32 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== SECRET_KEY_BYTES) throw new RangeError(`a secret key has ${SECRET_KEY_BYTES} bytes`)
    this.#key = Uint8Array.from(key)
    this.#keyId = createHash('sha256').update('panda secret key id').update(key).digest().subarray(0, KEY_ID_BYTES)
  }

  /** Names the key without giving anything of it away. */
  get keyId(): string {
    return this.#keyId.toString('hex')
  }

  seal(text: string, context: SecretContext): Buffer {
    const nonce = randomBytes(NONCE_BYTES)
    const head = Buffer.concat([Buffer.of(FORMAT), this.#keyId])
    const sealed = xchacha20poly1305(this.#key, nonce, associated(head, context)).encrypt(Buffer.from(text, 'utf8'))
    return Buffer.concat([head, nonce, sealed])
  }

  /** @throws SealError */
  open(record: Uint8Array, context: SecretContext): string {
    const bytes = Buffer.from(record)
    if (bytes[0] !== FORMAT || bytes.length <= HEAD_BYTES + NONCE_BYTES) throw new SealError('not a sealed record')
    const head = bytes.subarray(0, HEAD_BYTES)
    if (!head.subarray(1).equals(this.#keyId)) {
      throw new SealError(`sealed with key ${head.subarray(1).toString('hex')}, this server has ${this.keyId}`)
    }
    const nonce = bytes.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES)
    const cipher = xchacha20poly1305(this.#key, nonce, associated(head, context))
    try {
      return Buffer.from(cipher.decrypt(bytes.subarray(HEAD_BYTES + NONCE_BYTES))).toString('utf8')
    } catch (cause) {
      throw new SealError('the sealed record does not belong here or was changed', { cause })
    }
  }

  /** Twelve characters that change with the value; keyed, so that short values cannot be guessed from them. */
  fingerprint(text: string, context: SecretContext): string {
    const whole = JSON.stringify([context, text])
    return createHmac('sha256', this.#key).update(whole).digest('hex').slice(0, 12)
  }
}

/** JSON keeps the parts apart: ['a', 'b'] and ['ab'] differ. */
function associated(head: Uint8Array, context: SecretContext): Buffer {
  return Buffer.concat([head, Buffer.from(JSON.stringify(context), 'utf8')])
}
