/** What single SQLSTATE codes mean to us (postgresql.org/docs/current/errcodes-appendix.html). See also transient.ts. */

export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505'
}

export function hasSqlState(error: unknown, code: string): boolean {
  return sqlState(error) === code
}

/** Of an error of the system's, e.g. `EADDRINUSE`. */
export function hasSystemCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** A row that is pointed to is gone, or never was. */
export function isForeignKeyViolation(error: unknown): boolean {
  return sqlState(error) === '23503'
}

/** A NUL character or other bytes that a text column cannot hold. */
export function isUnstorableText(error: unknown): boolean {
  return ['22021', '22P05'].includes(sqlState(error) ?? '')
}

/** The database found no room for what it was to write, as it says itself; null = the error is another one. */
export function diskFullMessage(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (sqlState(cause) === '53100') return cause.message
  }
  return null
}

function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
