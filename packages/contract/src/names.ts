/**
 * The words that code, API, CLI and documentation share (docs/reference/words.md). This file imports nothing, so that
 * a command-line start pays nothing for it.
 */

/**
 * States of a run. `scheduled` waits for its time (jitter), `queued` waits for a free slot or for an earlier run,
 * `running` belongs to one server, `retrying` waits for its next attempt. The others are final.
 */
export const RUN_STATES = [
  'scheduled',
  'queued',
  'running',
  'retrying',
  'succeeded',
  'failed',
  'cancelled',
  'lost',
  'skipped',
  'missed',
] as const
export type RunState = (typeof RUN_STATES)[number]

export const FINAL_RUN_STATES = ['succeeded', 'failed', 'cancelled', 'lost', 'skipped', 'missed'] as const
export type FinalRunState = (typeof FINAL_RUN_STATES)[number]

export function isFinal(state: RunState): state is FinalRunState {
  return (FINAL_RUN_STATES as readonly string[]).includes(state)
}

/** What made a run exist. */
export const TRIGGERS = ['schedule', 'manual', 'retry', 'catch-up', 'backfill', 'replay'] as const
export type Trigger = (typeof TRIGGERS)[number]

/** How one attempt ended. */
export const ATTEMPT_OUTCOMES = ['succeeded', 'failed', 'cancelled', 'lost'] as const
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number]

/**
 * Why a run or an attempt ended as it did: one word for machines, beside a sentence for people.
 * - skipped: `overlap`, `paused`, `deadline`, `queue-full`
 * - missed: `server-down`
 * - cancelled: `by-hand`, `replaced`, `deleted`; of an instance of an app also `scaled-down`, and `not-ready` when its deploy failed
 * - failed: the rest but `lost`; `engine-away` means that the engine could not be asked to start it
 */
export const REASONS = [
  'overlap',
  'paused',
  'deadline',
  'queue-full',
  'server-down',
  'by-hand',
  'replaced',
  'deleted',
  'scaled-down',
  'not-ready',
  'exit-code',
  'signal',
  'out-of-memory',
  'timeout',
  'image-not-found',
  'registry-refused',
  'registry-away',
  'start-failed',
  'port-in-use',
  'engine-away',
  'secret-missing',
  'lost',
] as const
export type Reason = (typeof REASONS)[number]

/** What a running attempt is doing right now. */
export const PHASES = ['preparing', 'pulling', 'starting', 'running', 'stopping'] as const
export type Phase = (typeof PHASES)[number]

export const CONCURRENCY = ['allow', 'forbid', 'replace', 'queue'] as const
export type Concurrency = (typeof CONCURRENCY)[number]

export const MISSED_POLICIES = ['skip', 'last', 'all'] as const
export type MissedPolicy = (typeof MISSED_POLICIES)[number]

export const PULL_POLICIES = ['always', 'missing', 'never'] as const
export type PullPolicy = (typeof PULL_POLICIES)[number]

/** What a tick's local time met: see the daylight-saving rule in docs/reference/schedules.md. */
export const TICK_NOTES = ['dst-gap', 'dst-repeat'] as const
export type TickNote = (typeof TICK_NOTES)[number]

/** What goes wrong with an app: an episode each, told once, and `recovered` when none is left. */
export const APP_TROUBLES = ['crash-loop', 'out-of-memory', 'deploy-failed'] as const
export type AppTrouble = (typeof APP_TROUBLES)[number]

export const ALERT_EVENTS = ['failed', 'missed', 'late', 'recovered', 'lost', 'skipped', ...APP_TROUBLES] as const
export type AlertEvent = (typeof ALERT_EVENTS)[number]

export const CHANNEL_KINDS = ['webhook', 'slack', 'email', 'discord', 'ntfy'] as const
export type ChannelKind = (typeof CHANNEL_KINDS)[number]

/** What a token may do: `read` sees, `run` starts (as written) and cancels, `write` changes, `secrets` sets secrets, `admin` all. */
export const SCOPES = ['read', 'run', 'write', 'secrets', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** States of a job of a queue; packages/sdk/src/queue/states.ts says what each means and what a crash does in it. */
export const JOB_STATES = ['scheduled', 'queued', 'running', 'retrying', 'succeeded', 'cancelled', 'dead'] as const
export type JobState = (typeof JOB_STATES)[number]

/** Why a job is a dead letter. */
export const DEAD_REASONS = ['attempts', 'final', 'crashes', 'payload', 'child'] as const
export type DeadReason = (typeof DEAD_REASONS)[number]

/** Why an event is a dead letter of a subscription. */
export const EVENT_DEAD_REASONS = ['attempts', 'final', 'payload', 'crashes', 'expired'] as const
export type EventDeadReason = (typeof EVENT_DEAD_REASONS)[number]

/** `strict`: one event at a time and in order. */
export const EVENT_ORDERS = ['none', 'strict'] as const
/**
 * States of an instance of an app. `queued` waits for a server, `running` belongs to one (its `phase` says what it does),
 * `retrying` has ended by itself and waits for its next start. `cancelled` was ended by us, `lost` with its engine.
 */
export const INSTANCE_STATES = ['queued', 'running', 'retrying', 'cancelled', 'lost'] as const
export type InstanceState = (typeof INSTANCE_STATES)[number]

/** How a revision of an app stands; `superseded` was ready until another one was. */
export const REVISION_STATES = ['deploying', 'ready', 'failed', 'superseded'] as const
export type RevisionState = (typeof REVISION_STATES)[number]

/**
 * An app as a whole. `degraded`: fewer instances are ready than are wanted; `crashing`: one of them has ended by itself
 * three times within 10 min, and not all have run well for 5 min since.
 */
export const APP_STATES = ['deploying', 'ready', 'degraded', 'crashing', 'failed', 'stopped'] as const
export type AppState = (typeof APP_STATES)[number]

export const READY_MODES = ['auto', 'registered'] as const
export type ReadyMode = (typeof READY_MODES)[number]

export const LOG_STREAMS = ['stdout', 'stderr', 'panda'] as const
/** `panda` carries the platform's own marks: a cut, a lost stretch. */
export type LogStream = (typeof LOG_STREAMS)[number]

/** The variables by which a project names where its queues and events live. One that is set but empty is set. */
export const STORE_VARIABLES = [
  'PANDA_QUEUE_URL',
  'PANDA_EVENTS_URL',
  'REDIS_URL',
  'RABBITMQ_URL',
  'AMQP_URL',
  'DATABASE_URL',
] as const
export type StoreVariable = (typeof STORE_VARIABLES)[number]

export const RUNTIMES = ['docker', 'process', 'fake'] as const
export type RuntimeName = (typeof RUNTIMES)[number]

export const DEFAULT_PROJECT = 'default'
export const DEFAULT_PORT = 7300
