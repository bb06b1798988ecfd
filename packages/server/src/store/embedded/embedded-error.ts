export type EmbeddedPostgresErrorCode =
  | 'home_in_use'
  | 'platform_unsupported'
  | 'binaries_missing'
  | 'user_missing'
  | 'folder_unsafe'
  | 'data_missing'
  | 'version_mismatch'
  | 'initdb_failed'
  | 'start_failed'

export interface EmbeddedPostgresErrorDetails {
  /** What the person at the terminal can do about it. */
  readonly hint: string
  /** The process in the way, for `home_in_use`. */
  readonly pid?: number
  readonly cause?: unknown
}

/** Every failure to get the embedded PostgreSQL up, with what to do about it. */
export class EmbeddedPostgresError extends Error {
  readonly code: EmbeddedPostgresErrorCode
  readonly hint: string
  readonly pid: number | undefined

  constructor(code: EmbeddedPostgresErrorCode, message: string, details: EmbeddedPostgresErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'EmbeddedPostgresError'
    this.code = code
    this.hint = details.hint
    this.pid = details.pid
  }
}

/** The `code` of a Node system error or of a PostgreSQL error (SQLSTATE), if there is one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
