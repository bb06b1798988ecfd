import type { CliError } from '../errors.ts'
import { plain } from './clean.ts'
import type { Style } from './style.ts'

/** At most five lines: what happened, why (two lines), what to do, code and request id. */
export function renderError(error: CliError, style: Style): string {
  const { why = [], hint, requestId, errors = [] } = error.fields
  const reasons = [...why, ...errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))]
    .map(oneLine)
    .filter((reason) => !oneLine(error.message).includes(reason))
  const shown = reasons.length > 2 ? [reasons[0] ?? '', `… and ${reasons.length - 1} more (see -o json)`] : reasons
  const code = `code ${error.code}${requestId === undefined ? '' : `, request ${requestId}`}`
  return [
    `${style.red(style.bold('error:'))} ${oneLine(error.message)}`,
    ...shown.map((reason) => `  ${reason}`),
    ...(hint === undefined ? [] : [`  ${oneLine(hint)}`]),
    style.dim(`  ${code}`),
  ].join('\n')
}

function oneLine(text: string): string {
  return plain(text.trim().replaceAll(/\s*\r?\n\s*/g, ' '))
}

/** The same as a problem document (RFC 9457), as the API answers it; `exitCode` is ours. */
export function renderProblem(error: CliError): string {
  const { why, hint, requestId, errors, status, title, type } = error.fields
  return JSON.stringify(
    {
      type: type ?? 'about:blank',
      title: title ?? error.message,
      ...(status === undefined ? {} : { status }),
      detail: error.message,
      code: error.code,
      ...(hint === undefined ? {} : { hint }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(errors === undefined ? {} : { errors }),
      ...(why === undefined ? {} : { why }),
      exitCode: error.exitCode,
    },
    null,
    2,
  )
}
