import { type ErrorCode, PandaError } from '@pandastack/contract'
import { PandaError as SdkError, type SdkErrorCode } from '@pandastack/sdk/queue'

export interface Translation {
  /** The API's codes. What is missing here cannot come out of the calls that the API makes, and stays as it is. */
  readonly codes: Partial<Record<SdkErrorCode, ErrorCode>>
  /** Where to look for what was not found. */
  readonly notFoundHint: string
  /** Whether the SDK's own hint says more than that of the API's code. */
  readonly keepsHint: boolean
}

/** What every SDK call may say of the caller's own data. */
export const INPUT_CODES: Partial<Record<SdkErrorCode, ErrorCode>> = {
  invalid_option: 'invalid_request',
  invalid_payload: 'invalid_request',
  not_json: 'invalid_request',
  payload_too_large: 'too_large',
}

/** Makes an error of the SDK one of the API; everything else stays as it is. */
export function problemTranslator({ codes, notFoundHint, keepsHint }: Translation): (error: unknown) => unknown {
  return (error) => {
    if (!(error instanceof SdkError)) return error
    const code = codes[error.code]
    if (code === undefined) return error
    const message = error.message.endsWith('.') ? error.message : `${error.message}.`
    const hint = code === 'not_found' ? notFoundHint : keepsHint ? error.hint : undefined
    return new PandaError(code, message, { ...(hint === undefined ? {} : { hint }), cause: error })
  }
}
