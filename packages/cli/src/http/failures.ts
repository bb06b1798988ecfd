import type { Problem } from '@pandastack/contract'
import { CliError } from '../errors.ts'
import { EXIT, exitCodeOf } from '../exit-codes.ts'
import type { Answer } from './request.ts'

/** A problem document holds a few hundred bytes; what is longer comes from something else. */
const MAX_PROBLEM_CHARACTERS = 64 * 1024

/** The error for an answer that is not 2xx. */
export async function problemError(server: string, response: Answer): Promise<CliError> {
  const text = (await response.text()).slice(0, MAX_PROBLEM_CHARACTERS)
  const problem = parseProblem(text)
  if (problem === null) return unexpectedAnswer(server, response, text)
  return new CliError(problem.detail, {
    code: problem.code,
    exitCode: exitCodeOf(problem),
    hint: problem.hint,
    requestId: problem.requestId,
    status: problem.status,
    title: problem.title,
    type: problem.type,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  })
}

function parseProblem(text: string): Problem | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const problem = value as Partial<Record<keyof Problem, unknown>>
  const complete =
    typeof problem.code === 'string' && typeof problem.detail === 'string' && typeof problem.status === 'number'
  return complete ? (value as Problem) : null
}

/** Something answered that does not speak our API, e.g. a proxy's error page. */
export function unexpectedAnswer(server: string, response: Answer, text: string): CliError {
  const kind = response.header('content-type')?.split(';')[0] ?? 'nothing that was named'
  const start = text.trim().replaceAll(/\s+/g, ' ').slice(0, 80)
  return new CliError(`${server} does not answer as a PandaStack server does (status ${response.status}, ${kind})`, {
    code: 'unexpected_answer',
    exitCode: response.status === 401 || response.status === 403 ? EXIT.access : EXIT.failed,
    status: response.status,
    ...(start === '' ? {} : { why: [`It says: ${start}`] }),
    hint: 'Check the address (PANDA_URL, panda context list) and what stands between.',
  })
}

/** Failures below HTTP: nobody listens, the name is unknown, no answer in time. CliError passes through. */
export function transportError(error: unknown, server: string): CliError {
  if (error instanceof CliError) return error
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new CliError(`${server} did not answer in time`, {
      code: 'timed_out',
      exitCode: EXIT.timedOut,
      hint: 'The server may be overloaded: `panda status`, and the log of the server.',
      cause: error,
    })
  }
  const reason = error instanceof Error ? reasonOf(error) : String(error)
  const local = /^https?:\/\/(?:127\.|localhost|\[::1\])/.test(server)
  return new CliError(`the server at ${server} cannot be reached`, {
    code: 'server_unreachable',
    exitCode: EXIT.unreachable,
    why: [reason],
    hint: local ? 'Start it with: panda server' : 'Check PANDA_URL or `panda context list`, and the network.',
    cause: error,
  })
}

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens at this address',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name server did not answer',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_SOCKET: 'the connection was cut',
  EHOSTUNREACH: 'there is no way to this host',
  ENETUNREACH: 'there is no way to this network',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed (NODE_EXTRA_CA_CERTS can name your authority)',
  CERT_HAS_EXPIRED: 'its certificate has expired',
}

function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // Several addresses of one name are tried: the errors stand inside, the message outside is empty.
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
  return SYSTEM_REASONS[code] ?? (first.message === '' ? code : first.message)
}
