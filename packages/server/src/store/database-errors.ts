/** SQLSTATE classes and codes (postgresql.org/docs/current/errcodes-appendix.html) that mean: ask again later. */
const AWAY_CLASSES = ['08', '57P', '53', '58']
/** Query cancelled (by our statement timeout), idle transaction ended. */
const AWAY_CODES = new Set(['57014', '25P03'])
const AWAY_SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
])
/** pg gives these no code. */
const AWAY_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Client was closed and is not queryable',
  'Cannot use a pool after calling end on the pool',
]

/** True when the database itself is away, starting, stopping or overloaded: the same query may succeed later. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway)
  if (!(error instanceof Error)) return false
  const code = codeOf(error)
  if (code !== undefined) {
    if (code.length === 5 && (AWAY_CODES.has(code) || AWAY_CLASSES.some((start) => code.startsWith(start)))) return true
    return 'syscall' in error && AWAY_SYSTEM_CODES.has(code)
  }
  return AWAY_MESSAGES.some((message) => error.message.startsWith(message))
}

export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === '23505'
}

/** A row that is pointed to is gone, or never was. */
export function isForeignKeyViolation(error: unknown): boolean {
  return codeOf(error) === '23503'
}

/** A NUL character or other bytes that a text column cannot hold. */
export function isUnstorableText(error: unknown): boolean {
  return ['22021', '22P05'].includes(codeOf(error) ?? '')
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
