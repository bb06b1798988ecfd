import { type ErrorCode, PandaError } from '@pandastack/contract'
import { PandaError as SdkError, type SdkErrorCode } from '@pandastack/sdk/queue'

/** What the SDK says, in the API's codes. Codes that are missing here cannot come out of the calls that the API makes. */
const CODES: Partial<Record<SdkErrorCode, ErrorCode>> = {
  invalid_url: 'queue_store_unusable',
  client_missing: 'queue_store_unusable',
  unauthorized: 'queue_store_unusable',
  read_only: 'queue_store_unusable',
  unsupported_version: 'queue_store_unusable',
  unsafe_store: 'queue_store_unusable',
  store_refused: 'queue_store_unusable',
  store_away: 'queue_store_away',
  closed: 'queue_store_away',
  queue_not_found: 'not_found',
  job_not_found: 'not_found',
  wrong_state: 'job_wrong_state',
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
  const hint = code === 'not_found' ? 'See `panda queue list` and `panda queue jobs QUEUE`.' : error.hint
  return new PandaError(code, message, { hint, cause: error })
}
