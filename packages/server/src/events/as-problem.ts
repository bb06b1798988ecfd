import { type ErrorCode, PandaError } from '@pandastack/contract'
import { PandaError as SdkError, type SdkErrorCode } from '@pandastack/sdk/events'

/** What the SDK says, in the API's codes. Codes that are missing here cannot come out of the calls that the API makes. */
const CODES: Partial<Record<SdkErrorCode, ErrorCode>> = {
  no_store: 'event_broker_missing',
  invalid_url: 'event_broker_unusable',
  client_missing: 'event_broker_unusable',
  unauthorized: 'event_broker_unusable',
  no_permission: 'event_broker_unusable',
  wrong_namespace: 'event_broker_unusable',
  read_only: 'event_broker_unusable',
  unsupported_version: 'event_broker_unusable',
  unsafe_store: 'event_broker_unusable',
  store_refused: 'event_broker_unusable',
  store_away: 'event_broker_away',
  closed: 'event_broker_away',
  no_log: 'event_log_missing',
  no_subscription: 'not_found',
  letter_not_found: 'not_found',
  invalid_option: 'invalid_request',
  invalid_payload: 'invalid_request',
  not_json: 'invalid_request',
  payload_too_large: 'too_large',
}

/** An error of the SDK as one of the API; everything else as it is. */
export function asProblem(error: unknown): unknown {
  if (!(error instanceof SdkError)) return error
  const code = CODES[error.code]
  if (code === undefined) return error
  const message = error.message.endsWith('.') ? error.message : `${error.message}.`
  const hint = code === 'not_found' ? { hint: 'See `panda subscription list` and `panda deadletter list`.' } : {}
  return new PandaError(code, message, { ...hint, cause: error })
}
