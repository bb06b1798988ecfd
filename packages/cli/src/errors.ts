import { EXIT, type ExitCode } from './exit-codes.ts'

interface CliErrorFields {
  /** Stable word for machines: the API's code, or one of the CLI's own (`usage`, `server_unreachable`, …). */
  readonly code: string
  readonly exitCode: ExitCode
  /** Details, one per line; at most two are shown to people, all of them in JSON. */
  readonly why?: readonly string[]
  /** What to do next. */
  readonly hint?: string
  readonly requestId?: string
  readonly status?: number
  readonly title?: string
  readonly type?: string
  /** Wrong fields, as the API names them. */
  readonly errors?: readonly { path: string; message: string }[]
  readonly cause?: unknown
}

/** Something that the person at the terminal can act upon. Everything else that is thrown is a bug of ours. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly fields: CliErrorFields

  constructor(message: string, fields: CliErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.fields = fields
  }

  get code(): string {
    return this.fields.code
  }

  get exitCode(): ExitCode {
    return this.fields.exitCode
  }

  /** The same error with a better hint, e.g. the name that was probably meant. */
  withHint(hint: string): CliError {
    return new CliError(this.message, { ...this.fields, hint, cause: this.cause ?? this })
  }
}

/** A command line that cannot be understood. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError(message, { code: 'usage', exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) })
}

/** What was thrown as something to show: a bug keeps its message and says that it is one. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new CliError(`panda met a bug: ${message}`, {
    code: 'internal',
    exitCode: EXIT.failed,
    hint: 'Set PANDA_DEBUG=1 to see where, and report it.',
    cause: error,
  })
}

export interface ForPeople extends Error {
  readonly code: string
  readonly hint: string
}

/** By shape: what the server, its PostgreSQL and the SDK throw for people are classes of packages that are not loaded. */
export function isForPeople(error: unknown): error is ForPeople {
  if (!(error instanceof Error) || !('hint' in error) || !('code' in error)) return false
  return typeof error.hint === 'string' && typeof error.code === 'string'
}
