import type {
  AlertEvent,
  AppSpec,
  AttemptOutcome,
  ChannelKind,
  Concurrency,
  CronjobSpec,
  InstanceState,
  MissedPolicy,
  Phase,
  Reason,
  RevisionState,
  RunOverrides,
  RunState,
  Scope,
  TickNote,
  Trigger,
} from '@pandastack/contract'
import type { ColumnType, Generated, JSONColumnType, Selectable } from 'kysely'

/** Read as Date, written as Date or as an SQL expression of the database's clock. */
type Time = ColumnType<Date, Date | string, Date | string>
type DefaultTime = ColumnType<Date, Date | string | undefined, Date | string>
type MaybeTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>
/** `bigint` columns arrive as numbers: see the type parser in database.ts. */
type Big = ColumnType<number, number | undefined, number>

export interface InstallationTable {
  id: string
  /** Which key seals this installation's secrets; null until the first server has started. */
  secret_key_id: string | null
  created_at: DefaultTime
}

export interface ProjectsTable {
  id: string
  name: string
  created_at: DefaultTime
}

export interface TokensTable {
  id: string
  name: string
  hash: Buffer
  scopes: Scope[]
  project_id: string | null
  created_at: DefaultTime
  last_used_at: MaybeTime
  expires_at: MaybeTime
}

export interface EnvVariablesTable {
  project_id: string
  name: string
  value: string
  updated_at: DefaultTime
}

export interface SecretsTable {
  id: string
  project_id: string
  cronjob_id: string | null
  kind: 'env' | 'registry'
  name: string
  ciphertext: Buffer
  fingerprint: string
  version: Generated<number>
  updated_at: DefaultTime
}

/** What a project has in the embedded PostgreSQL: a database and its owner, both of the name `role`. */
export interface ProjectDatabasesTable {
  project_id: string
  role: string
  /** Sealed. */
  password: Buffer
  /** Where its units were last told to reach it; null = never. */
  host: string | null
  subnet: string | null
  port: number | null
  /** Null = it is not whole yet. */
  ready_at: MaybeTime
  created_at: DefaultTime
}

export interface ServersTable {
  id: string
  engine_id: string
  runtime: string
  lock_key: Big
  started_at: DefaultTime
  heartbeat_at: DefaultTime
}

export interface CronjobsTable {
  id: string
  project_id: string
  name: string
  revision: Generated<number>
  spec: JSONColumnType<CronjobSpec>
  schedule: string
  timezone: string
  suspended: boolean
  concurrency: Concurrency
  missed: MissedPolicy
  missed_limit: number
  deadline_ms: ColumnType<number | null, number | null, number | null>
  jitter_ms: Big
  max_attempts: number
  next_due_at: MaybeTime
  created_at: DefaultTime
  updated_at: DefaultTime
  deleted_at: MaybeTime
  failing: Generated<boolean>
}

export interface CronjobRevisionsTable {
  cronjob_id: string
  revision: number
  spec: JSONColumnType<CronjobSpec>
  created_at: DefaultTime
}

export interface RunsTable {
  id: string
  project_id: string
  cronjob_id: string
  revision: number
  trigger: Trigger
  who: string | null
  state: RunState
  phase: Phase | null
  reason: Reason | null
  message: string | null
  due_at: Time
  tick_note: TickNote | null
  available_at: Time
  held: Generated<boolean>
  attempt: Generated<number>
  max_attempts: Generated<number>
  lost_attempts: Generated<number>
  server_id: string | null
  engine_id: string | null
  fence: Generated<number>
  attempt_started_at: MaybeTime
  started_at: MaybeTime
  finished_at: MaybeTime
  exit_code: number | null
  image_digest: string | null
  env_snapshot: JSONColumnType<Record<string, string>> | null
  overrides: JSONColumnType<RunOverrides> | null
  replay_of: string | null
  cancel_reason: Reason | null
  cancel_by: string | null
  late_noted: Generated<boolean>
  created_at: DefaultTime
}
export type RunRow = Selectable<RunsTable>

export interface AttemptsTable {
  run_id: string
  number: number
  outcome: AttemptOutcome
  reason: Reason | null
  message: string | null
  exit_code: number | null
  image_digest: string | null
  server_id: string | null
  started_at: MaybeTime
  finished_at: Time
}

export interface LogChunksTable {
  run_id: string
  first_line: Big
  line_count: number
  attempt: number
  bytes: number
  first_time: Time
  last_time: Time
  body: string
}

export interface RunLogsTable {
  run_id: string
  attempt: number
  lines: Big
  bytes: Big
  dropped_lines: Big
  dropped_bytes: Big
  cursor: string | null
  complete: Generated<boolean>
  /** The token of the only writer that may add lines. */
  writer: string | null
}

export interface AlertsTable {
  id: string
  project_id: string
  cronjob_id: string | null
  app_id: string | null
  name: string
  events: AlertEvent[]
  channel_kind: ChannelKind
  /** Masked, for people. */
  channel_target: string
  /** The channel with its addresses and signing secret, encrypted. */
  channel: Buffer
  late_after_ms: Big
  group_for_ms: Big
  quiet_until: MaybeTime
  created_at: DefaultTime
}

export interface AlertDeliveriesTable {
  id: string
  alert_id: string
  state: 'pending' | 'sent' | 'dead'
  attempts: Generated<number>
  events: Generated<number>
  summary: string
  payload: JSONColumnType<Record<string, unknown>>
  last_error: string | null
  created_at: DefaultTime
  next_attempt_at: MaybeTime
  sent_at: MaybeTime
  /** Of the server's own queue; null = it was stored before there was one. */
  job_id: string | null
}

export interface AlertEventsTable {
  id: Generated<number>
  alert_id: string
  /** Null = it is about an app. */
  run_id: string | null
  /** The app as it was then. */
  app: unknown
  event: AlertEvent
  created_at: DefaultTime
  delivery_id: string | null
}

export interface AppsTable {
  id: string
  project_id: string
  name: string
  replicas: number
  stopped: Generated<boolean>
  revision: Generated<number>
  ready_revision: number | null
  /** Episodes that are not over, for alerts. */
  troubles: Generated<string[]>
  created_at: DefaultTime
  updated_at: DefaultTime
  deleted_at: MaybeTime
}

export interface AppRevisionsTable {
  app_id: string
  revision: number
  spec: JSONColumnType<AppSpec>
  state: RevisionState
  message: string | null
  image_digest: string | null
  env_snapshot: JSONColumnType<Record<string, string>> | null
  rollback_of: number | null
  by: string | null
  created_at: DefaultTime
  ready_at: MaybeTime
}

export interface AppInstancesTable {
  id: string
  app_id: string
  project_id: string
  revision: number
  slot: number
  state: InstanceState
  phase: Phase | null
  reason: Reason | null
  message: string | null
  exit_code: number | null
  server_id: string | null
  engine_id: string | null
  fence: Generated<number>
  attempt: Generated<number>
  /** Ends in a row, each soon after its start. */
  crashes: Generated<number>
  available_at: DefaultTime
  attempt_started_at: MaybeTime
  ready_at: MaybeTime
  finished_at: MaybeTime
  cancel_reason: Reason | null
  cancel_by: string | null
  /** The revision that took its place. */
  replaced_by: number | null
  /** What its workers and subscriptions have told in this attempt: see apps/workers.ts. */
  workers: Generated<unknown>
  drain_held: number | null
  drain_finished: number | null
  drain_handed_back: number | null
  /** Waits for a port that an instance before it has: see apps/plan-ports.ts. It has no unit. */
  held: Generated<boolean>
  image_ready_at: MaybeTime
  released_at: MaybeTime
  /** How its last containers ended by themselves, newest last: see apps/instance-end.ts. */
  ends: Generated<unknown>
  created_at: DefaultTime
}

/** Answers to POSTs that carried an Idempotency-Key; `response` is sealed. */
export interface IdempotencyKeysTable {
  token_id: string
  key: string
  project_id: string | null
  route: string
  body_hash: Buffer
  status: number
  response: Buffer
  created_at: DefaultTime
}

/** All tables. A later migration adds its tables here. */
export interface Schema {
  installation: InstallationTable
  projects: ProjectsTable
  tokens: TokensTable
  env_variables: EnvVariablesTable
  secrets: SecretsTable
  project_databases: ProjectDatabasesTable
  servers: ServersTable
  cronjobs: CronjobsTable
  cronjob_revisions: CronjobRevisionsTable
  runs: RunsTable
  attempts: AttemptsTable
  log_chunks: LogChunksTable
  run_logs: RunLogsTable
  alerts: AlertsTable
  alert_deliveries: AlertDeliveriesTable
  alert_events: AlertEventsTable
  idempotency_keys: IdempotencyKeysTable
  apps: AppsTable
  app_revisions: AppRevisionsTable
  app_instances: AppInstancesTable
}
