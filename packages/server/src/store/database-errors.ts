/** What single SQLSTATE codes mean to us (postgresql.org/docs/current/errcodes-appendix.html). See also transient.ts. */

export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505'
}

/** A row that is pointed to is gone, or never was. */
export function isForeignKeyViolation(error: unknown): boolean {
  return sqlState(error) === '23503'
}

/** A NUL character or other bytes that a text column cannot hold. */
export function isUnstorableText(error: unknown): boolean {
  return ['22021', '22P05'].includes(sqlState(error) ?? '')
}

function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
