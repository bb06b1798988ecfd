/** Every error of the SDK that a program may want to tell apart. One table, so that code and docs cannot drift. */
export const SDK_ERRORS = {
  no_store: 'Set PANDA_QUEUE_URL (or REDIS_URL, or DATABASE_URL), or pass `url`.',
  invalid_url: 'Use redis://…, rediss://…, postgres://… or memory:.',
  client_missing: 'Install the client library that is named: it is an optional peer of the SDK.',
  unauthorized: 'Check user name and password in the URL.',
  no_permission: 'Give this user the rights that the message names.',
  wrong_namespace: 'Create the database or vhost that is named, or correct the URL.',
  read_only: 'This is a replica: connect to the primary.',
  unsupported_version: 'Use Redis 7.0 or newer (or Valkey), or PostgreSQL 13 or newer.',
  unsafe_store: 'Change the setting that is named, or accept the loss with `allowUnsafeStore: true`.',
  store_away:
    'The store did not answer in time. What was not confirmed may or may not have been stored; add it again with the same idempotencyKey.',
  invalid_option: 'Correct the option that is named.',
  invalid_payload: 'The data does not fit the schema of this queue.',
  unknown_type: 'Add it to defineEvents, or correct its name.',
  unknown_version: 'Add an upgrade from that version, or deploy a consumer that knows it.',
  not_json: 'Pass plain JSON data: no functions, bigint, symbols, NaN, invalid dates or cycles.',
  payload_too_large: 'Store the large part elsewhere and pass a reference to it.',
  queue_not_found: 'See the names with `panda queue list`.',
  job_not_found: 'It was removed, or its time of keeping is over.',
  no_subscription: 'Apply it first: an application does so when it subscribes.',
  letter_not_found: 'It was redriven or dropped. See what is there: panda deadletter list SUBSCRIPTION',
  no_log: 'Use a broker with an event log, and do not turn its log off.',
  wrong_state: 'The job is in a state in which this cannot be done.',
  job_failed: 'The job did not succeed; its last error is the cause.',
  job_cancelled: 'The job was cancelled.',
  lease_lost:
    'The job was taken back because its worker was silent for too long; its result will be refused. Another worker runs it again.',
  timed_out: 'It took longer than its timeout.',
  closed: 'The queue was closed by this process.',
  store_refused: 'The store refused the command; its own message is given.',
} as const
export type SdkErrorCode = keyof typeof SDK_ERRORS

export interface SdkErrorOptions {
  /** What to do next. Default: the sentence of the code. */
  readonly hint?: string
  readonly cause?: unknown
}

/** What the SDK throws: `code` for programs, `message` says what happened to which resource, `hint` what to do next. */
export class PandaError extends Error {
  override readonly name: string = 'PandaError'
  readonly code: SdkErrorCode
  readonly hint: string

  constructor(code: SdkErrorCode, message: string, options: SdkErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? SDK_ERRORS[code]
  }
}
