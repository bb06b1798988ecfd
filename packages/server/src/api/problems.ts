import { type ErrorCode, ERRORS, type FieldError, nameSchema, PandaError, type Problem } from '@pandastack/contract'
import type { FastifyError } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { diskFullMessage, isForeignKeyViolation, isUnstorableText } from '../store/database-errors.ts'
import { isTransient } from '../store/transient.ts'

/** A name, not an address (RFC 9457 section 3.1.1 takes any URI): the server serves no pages about errors. */
const TYPE_BASE = 'urn:pandastack:error:'
const NAME_RULE = nameSchema.safeParse('-').error?.issues[0]?.message

/** Fastify's own refusals, by their stable codes (fastify.dev/docs/latest/Reference/Errors). */
const FRAMEWORK: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_TYPE: 'unsupported_media_type',
  FST_ERR_ROUTE_MAX_PARAM_LENGTH: 'too_large',
  FST_ERR_MAX_PARAM_LENGTH: 'too_large',
}

/** Turns whatever was thrown into one of the known errors; undefined = a bug of ours. */
export function toPandaError(error: unknown): PandaError | undefined {
  if (error instanceof PandaError) return error
  const full = diskFullMessage(error)
  if (full !== null) {
    return new PandaError('database_full', `The disk of the database is full: ${full}.`, { cause: error })
  }
  if (isTransient(error)) {
    return new PandaError('database_away', 'The database did not answer.', { cause: error })
  }
  if (isUnstorableText(error)) {
    return new PandaError('invalid_request', 'A text holds characters that cannot be stored, such as NUL.')
  }
  if (isForeignKeyViolation(error)) {
    return new PandaError('project_not_found', 'The project was deleted meanwhile.', { cause: error })
  }
  return error instanceof Error ? fromFramework(error as FastifyError) : undefined
}

/** A database that is away because its disk is full says nothing any more: then the reason is looked up. */
export async function nameFullDisk<T>(error: T, trouble: () => Promise<string | null>): Promise<T | PandaError> {
  if (toPandaError(error)?.code !== 'database_away') return error
  const reason = await trouble()
  return reason === null ? error : new PandaError('database_full', `The database is away: ${reason}.`, { cause: error })
}

function fromFramework(error: FastifyError): PandaError | undefined {
  if (hasZodFastifySchemaValidationErrors(error)) return fromValidation(error)
  const code = FRAMEWORK[error.code]
  if (code !== undefined) return new PandaError(code, `${error.message}.`)
  const { statusCode } = error
  if (statusCode === undefined || statusCode < 400 || statusCode > 499) return undefined
  return new PandaError('invalid_request', `${error.message.replace(/\.$/, '')}.`, {
    hint: 'Send a JSON document as described at /openapi.json.',
  })
}

interface Validation {
  readonly validation: readonly { readonly instancePath: string; readonly message?: string }[]
}

/** One wrong field has its own code where the table has one, so that a script can tell a bad image from a bad name. */
function fromValidation({ validation }: Validation): PandaError {
  const errors = validation.map((issue) => ({
    path: issue.instancePath.slice(1).replaceAll('/', '.'),
    message: issue.message ?? 'not valid',
  }))
  const [first] = errors
  if (first === undefined) return new PandaError('invalid_request', 'The request is not valid.')
  const detail = errors.map((each) => (each.path === '' ? each.message : `${each.path}: ${each.message}`)).join('; ')
  return new PandaError(codeOf(errors, first), detail, { errors })
}

function codeOf(errors: readonly FieldError[], first: FieldError): ErrorCode {
  if (errors.length > 1) return 'invalid_request'
  const field = first.path.split('.').at(-1)
  if (field === 'image') return 'invalid_image'
  if (first.message === NAME_RULE) return 'invalid_name'
  if (field === 'schedule') return 'invalid_schedule'
  if (field === 'timezone') return 'invalid_timezone'
  if (field === 'cursor') return 'invalid_cursor'
  return 'invalid_request'
}

/** The document of RFC 9457 with our `code`, `hint`, `requestId` and `errors`. */
export function problemOf(error: PandaError, requestId: string): Problem {
  return {
    type: `${TYPE_BASE}${error.code}`,
    title: ERRORS[error.code].title,
    status: error.status,
    detail: error.message,
    code: error.code,
    hint: error.hint,
    requestId,
    ...(error.errors.length > 0 && { errors: [...error.errors] }),
  }
}

/** What a bug looks like from outside: nothing of its message, which may hold anything. */
export function bugProblem(requestId: string): Problem {
  return problemOf(
    new PandaError('internal', `Something went wrong that should not; see request ${requestId}.`),
    requestId,
  )
}
