import type { SdkErrorCode } from '@pandastack/sdk/queue'
import { CliError, isForPeople } from './errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'

const EXIT_CODES: Partial<Record<SdkErrorCode, ExitCode>> = {
  no_store: EXIT.usage,
  invalid_url: EXIT.usage,
  wrong_namespace: EXIT.usage,
  invalid_option: EXIT.usage,
  invalid_payload: EXIT.usage,
  not_json: EXIT.usage,
  payload_too_large: EXIT.usage,
  queue_not_found: EXIT.notFound,
  job_not_found: EXIT.notFound,
  no_subscription: EXIT.notFound,
  letter_not_found: EXIT.notFound,
  unauthorized: EXIT.access,
  no_permission: EXIT.access,
  read_only: EXIT.access,
  store_away: EXIT.unreachable,
}

/** What the SDK throws for people, with the exit code that fits. By shape: the SDK is loaded for some commands only. */
function asCliError(error: unknown): unknown {
  if (!isForPeople(error)) return error
  const { code, message, hint } = error
  return new CliError(message, { code, hint, exitCode: EXIT_CODES[code as SdkErrorCode] ?? EXIT.failed, cause: error })
}

/** Does something with the SDK. @throws CliError */
export async function withSdk<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asCliError(error)
  }
}

/** The same for what comes piece by piece. */
export async function* eachOfSdk<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* source
  } catch (error) {
    throw asCliError(error)
  }
}
