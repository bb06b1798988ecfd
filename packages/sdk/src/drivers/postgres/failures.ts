import { PandaError, type SdkErrorCode } from '../../errors.ts'

/** By SQLSTATE; two characters stand for a class. */
const CODES: Readonly<Record<string, SdkErrorCode>> = {
  '08': 'store_away',
  '28': 'unauthorized',
  '3D000': 'store_refused',
  '25006': 'read_only',
  '40': 'store_away',
  '42501': 'unauthorized',
  '53': 'store_away',
  '55P03': 'store_away',
  '57': 'store_away',
  '58': 'store_away',
}

/** Of Node and of `pg` itself, which have no SQLSTATE. */
const AWAY =
  /^(E[A-Z]+|ENOTFOUND|EAI_AGAIN)$|Connection terminated|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection error|not queryable/

/** What PostgreSQL or its client said, in our words. Their messages carry no password. */
export function toPandaError(error: unknown, doing: string): PandaError {
  if (error instanceof PandaError) return error
  const code = codeOf(error)
  const said = error instanceof Error ? error.message : String(error)
  const known = CODES[code] ?? CODES[code.slice(0, 2)]
  if (known !== undefined && /^[0-9A-Z]{5}$/.test(code)) {
    return new PandaError(known, `PostgreSQL did not ${doing}: ${said} (SQLSTATE ${code})`, {
      ...hintOf(code),
      cause: error,
    })
  }
  if (AWAY.test(code) || AWAY.test(said)) {
    return new PandaError('store_away', `PostgreSQL could not be reached to ${doing}: ${said || code}`, {
      cause: error,
    })
  }
  return new PandaError(
    'store_refused',
    `PostgreSQL did not ${doing}: ${said}${code === '' ? '' : ` (SQLSTATE ${code})`}`,
    {
      cause: error,
    },
  )
}

export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

function hintOf(code: string): { hint?: string } {
  if (code === '42501') {
    return {
      hint: 'Let a role that may do so create the schema once (any panda command with its URL does), then grant yours usage on it and all rights on its tables, sequences and functions.',
    }
  }
  if (code === '3D000') return { hint: 'Create the database that the URL names, or correct the URL.' }
  return {}
}
