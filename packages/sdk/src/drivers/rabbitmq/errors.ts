import { PandaError } from '../../errors.ts'
import type { Address } from './address.ts'

/** The broker's number for what it refused, e.g. 404; 0 when it said none. */
export function replyCode(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('code' in error)) return 0
  return typeof error.code === 'number' ? error.code : 0
}

/** What the client library threw, in our own words: to which broker, what to do. */
export function toPandaError(error: unknown, address: Address, doing: string): PandaError {
  if (error instanceof PandaError) return error
  const text = error instanceof Error ? error.message : String(error)
  const refused = refusal(text, address, doing, error)
  if (refused !== null) return refused
  const code = replyCode(error)
  // The library refuses what it cannot encode: to ask again is of no use.
  if (error instanceof TypeError || code === 406 || code === 404 || code === 540 || code === 405)
    return new PandaError('store_refused', `${address.label} refused ${doing}: ${reasonOf(text)}`, { cause: error })
  return new PandaError('store_away', `${address.label} did not answer (${doing}): ${reasonOf(text)}`, {
    hint: 'Check that the broker runs and can be reached. What was not confirmed may or may not have been stored; publish it again with the same id.',
    cause: error,
  })
}

function refusal(text: string, address: Address, doing: string, cause: unknown): PandaError | null {
  if (
    text.includes('Login was refused') ||
    text.includes('ACCESS_REFUSED - Login') ||
    text.includes('invalid credentials')
  )
    return new PandaError('unauthorized', `${address.label} refused the login.`, { cause })
  // The library tells no more than that the connection was closed instead of opened.
  if (/NOT_ALLOWED|Expected ConnectionOpenOk; got <ConnectionClose/.test(text))
    return new PandaError(
      'wrong_namespace',
      `${address.label}: the vhost does not exist, or the user may not use it.`,
      {
        hint: `Create it (rabbitmqctl add_vhost "${address.vhost}") and permit the user (rabbitmqctl set_permissions -p "${address.vhost}" "${address.user}" ".*" ".*" ".*"), or correct the URL's path; "/" is written %2F.`,
        cause,
      },
    )
  if (text.includes('ACCESS_REFUSED') || text.includes('ACCESS-REFUSED'))
    return new PandaError('no_permission', `${address.label} forbids ${doing}: ${reasonOf(text)}`, {
      hint: `Permit the user to configure, write and read the exchanges and queues of this prefix: rabbitmqctl set_permissions -p "${address.vhost}" "${address.user}" "^panda\\\\." "^panda\\\\." "^panda\\\\."`,
      cause,
    })
  if (/message size \d+ is larger/.test(text))
    return new PandaError('payload_too_large', `${address.label} refused an event: ${reasonOf(text)}`, { cause })
  return null
}

/** The broker's own sentence without the library's wrapping. */
function reasonOf(text: string): string {
  return /with message "(.*)"/s.exec(text)?.[1] ?? text
}
