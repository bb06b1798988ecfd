/** What `panda` answers to the shell. Scripts rely on these: never change a number. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  access: 4,
  runFailed: 5,
  timedOut: 6,
  unreachable: 7,
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_CODES: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [EXIT.ok, 'it worked'],
  [EXIT.failed, 'it failed: the server or the command met an error'],
  [EXIT.usage, 'usage: the command line or a value in it is not valid'],
  [EXIT.notFound, 'not found: the cronjob, app, run, alert or project does not exist'],
  [EXIT.access, 'login or right: no valid token, or the token may not do this'],
  [EXIT.runFailed, 'the run did not succeed (only with --wait or --follow), or the deploy failed'],
  [EXIT.timedOut, 'timed out: the time of --timeout, or the server did not answer in time'],
  [EXIT.unreachable, 'the server cannot be reached'],
  [EXIT.interrupted, 'ended by Ctrl-C; a run that was followed goes on'],
]

/** The exit code for a problem document of the API. */
export function exitCodeOf(problem: { status: number; code: string }): ExitCode {
  if (problem.status === 401 || problem.status === 403) return EXIT.access
  if (problem.status === 404) return EXIT.notFound
  if (problem.status === 400 || problem.status === 413 || problem.code === 'idempotency_mismatch') return EXIT.usage
  return EXIT.failed
}
