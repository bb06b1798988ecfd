/** Why a server cannot start, for machines. See docs/guides when a row is added here. */
export type StartErrorCode =
  | 'invalid_config'
  | 'port_in_use'
  | 'address_refused'
  | 'database_unreachable'
  | 'database_refused'
  | 'secret_key_missing'
  | 'secret_key_wrong'
  | 'secret_key_invalid'
  | 'home_unusable'

/** A start that failed for a reason that its user can change. Message: what happened. Hint: what to do. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly code: StartErrorCode
  readonly hint: string

  constructor(code: StartErrorCode, message: string, options: { hint: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}
