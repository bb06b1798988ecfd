/**
 * Every error that a user can meet: stable code, HTTP status, title and what to do next. One table, so that the API's
 * problem documents, the CLI and docs/reference/errors.md cannot drift apart (a test compares them).
 */
export interface ErrorEntry {
  readonly status: number
  readonly title: string
  /** What to do next; a fixed sentence. A more exact hint can be given where the error is thrown. */
  readonly hint: string
  /** True when the same call may succeed later without a change. */
  readonly retryable?: boolean
}

export const ERRORS = {
  invalid_request: { status: 400, title: 'The request is not valid', hint: 'Correct the fields named in `errors`.' },
  invalid_schedule: {
    status: 400,
    title: 'The schedule is not valid',
    hint: 'Five fields: minute hour day-of-month month day-of-week, e.g. "0 8 * * 1". Try: panda cronjob preview "0 8 * * 1"',
  },
  invalid_timezone: {
    status: 400,
    title: 'The timezone is not known',
    hint: 'Use an IANA name such as Europe/Berlin or UTC.',
  },
  invalid_name: {
    status: 400,
    title: 'The name is not valid',
    hint: 'Use 1 to 63 characters a-z, 0-9 and -, beginning with a letter.',
  },
  invalid_image: {
    status: 400,
    title: 'The image reference is not valid',
    hint: 'Use [registry/]repository[:tag][@digest], e.g. your-org/mailer:latest.',
  },
  invalid_cursor: { status: 400, title: 'The page cursor is not valid', hint: 'Start again without `cursor`.' },
  unauthenticated: { status: 401, title: 'A valid token is needed', hint: 'Run `panda login`, or set PANDA_TOKEN.' },
  forbidden: {
    status: 403,
    title: 'The token may not do this',
    hint: 'Use a token with the scope that is named, see `panda token create --help`.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    hint: 'Check the name and the project, e.g. with `panda cronjob list`.',
  },
  project_not_found: {
    status: 404,
    title: 'The project does not exist',
    hint: 'See `panda project list`; make it with `panda project create NAME`.',
  },
  route_not_found: {
    status: 404,
    title: 'There is no such address',
    hint: 'The addresses are listed at /openapi.json.',
  },
  conflict: {
    status: 409,
    title: 'The resource already exists',
    hint: 'Choose another name, or update the one that exists.',
  },
  version_conflict: {
    status: 412,
    title: 'Somebody else changed it meanwhile',
    hint: 'Read it again, then repeat your change.',
  },
  reference_missing: {
    status: 409,
    title: 'The file refers to something that the project does not have',
    hint: 'Set or make what is named, or correct the name; nothing was changed.',
  },
  run_active: {
    status: 409,
    title: 'A run of this cronjob is active and its concurrency policy is forbid',
    hint: 'Wait for it, cancel it, or repeat with --concurrency allow.',
  },
  run_finished: { status: 409, title: 'The run has already ended', hint: 'To run it again: panda run replay RUN' },
  idempotency_in_progress: {
    status: 409,
    title: 'The first call with this Idempotency-Key is still running',
    hint: 'Repeat the call in a moment.',
    retryable: true,
  },
  idempotency_mismatch: {
    status: 422,
    title: 'This Idempotency-Key was used with another body',
    hint: 'Use a new key for a new request.',
  },
  queue_store_missing: {
    status: 409,
    title: 'The project names no store for its queues',
    hint: 'Set it: panda env set REDIS_URL=redis://…  (or PANDA_QUEUE_URL, or DATABASE_URL)',
  },
  queue_store_unusable: {
    status: 409,
    title: 'The store of the queues cannot be used',
    hint: 'Correct what is named, in the URL of the project or in the store.',
  },
  queue_store_away: {
    status: 503,
    title: 'The store of the queues does not answer',
    hint: 'Look whether it runs and can be reached from the server, then repeat the call.',
    retryable: true,
  },
  event_broker_missing: {
    status: 409,
    title: 'The project names no broker for its events',
    hint: 'Set it: panda env set RABBITMQ_URL=amqp://…  (or PANDA_EVENTS_URL, DATABASE_URL, REDIS_URL)',
  },
  event_broker_unusable: {
    status: 409,
    title: 'The broker of the events cannot be used',
    hint: 'Correct what is named, in the URL of the project or in the broker.',
  },
  event_broker_away: {
    status: 503,
    title: 'The broker of the events does not answer',
    hint: 'Look whether it runs and can be reached from the server, then repeat the call.',
    retryable: true,
  },
  event_log_missing: {
    status: 409,
    title: 'The broker keeps no event log',
    hint: 'Use a broker with an event log, and do not turn its log off.',
  },
  job_wrong_state: {
    status: 409,
    title: 'The job is in a state in which this cannot be done',
    hint: 'Look at it: panda queue job QUEUE JOB',
  },
  instance_not_running: {
    status: 409,
    title: 'The instance is not running',
    hint: 'See which ones run: panda app get APP',
  },
  exec_unavailable: {
    status: 409,
    title: 'No command can be run in this instance from here',
    hint: 'Commands can be run in containers, through a server that has their engine.',
  },
  upgrade_required: {
    status: 426,
    title: 'The call needs an upgraded connection',
    hint: 'Use `panda app exec`; a proxy in between must pass on the headers Upgrade and Connection.',
  },
  port_taken: {
    status: 409,
    title: 'The port belongs to another app',
    hint: 'Publish another port of the machine, or take it from the other app: panda app deploy OTHER --port none',
  },
  port_one_instance: {
    status: 409,
    title: 'An app with a published port runs one instance',
    hint: 'Use one instance, or take the port away: panda app deploy NAME --port none',
  },
  too_large: { status: 413, title: 'The request is too large', hint: 'The limits are in docs/reference/limits.md.' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported', hint: 'Send application/json.' },
  too_many_requests: {
    status: 429,
    title: 'Too many requests',
    hint: 'Wait for the time in Retry-After.',
    retryable: true,
  },
  target_refused: {
    status: 400,
    title: 'The address may not be called',
    hint: "Private addresses need the server's allow-list: PANDA_ALERT_ALLOW.",
  },
  internal: {
    status: 500,
    title: 'The server met a bug',
    hint: "Look for the request id in the server's log and report it.",
  },
  database_away: {
    status: 503,
    title: 'The database cannot be reached',
    hint: 'The server retries by itself; check DATABASE_URL and the database.',
    retryable: true,
  },
  database_full: {
    status: 503,
    title: 'The disk of the database is full',
    hint: 'Make room on it; nothing is lost meanwhile, and the server goes on by itself.',
    retryable: true,
  },
  engine_away: {
    status: 503,
    title: 'The container engine cannot be reached',
    hint: 'Start the engine; `panda status` shows which one is used. Runs wait for it.',
    retryable: true,
  },
  stopping: { status: 503, title: 'The server is stopping', hint: 'Repeat the call in a moment.', retryable: true },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

/** One wrong field of a request. `path` is dotted, e.g. `retry.attempts`. */
export interface FieldError {
  path: string
  message: string
}

/**
 * A mistake of the user or a state of the world that the user can act upon. Everything else that is thrown is a bug
 * and is answered as `internal`.
 */
export class PandaError extends Error {
  override readonly name = 'PandaError'
  readonly code: ErrorCode
  readonly status: number
  readonly hint: string
  readonly errors: readonly FieldError[]

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; errors?: readonly FieldError[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = ERRORS[code].status
    this.hint = options.hint ?? ERRORS[code].hint
    this.errors = options.errors ?? []
  }
}
