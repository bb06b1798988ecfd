import type { RunState, Trigger } from '@pandastack/contract'
import type { Clock } from '../clock.ts'
import type { Account } from '../databases/database-statements.ts'
import type { Log } from '../log.ts'
import type { RegistryAuth, RuntimeDriver } from '../runtime/driver.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'
import type { ProjectRef } from '../projects/project-directory.ts'
import type { Ledger } from './ledger.ts'

/** What a project hands to its runs; read once per batch, never kept. */
export interface ProjectSettings {
  readonly env: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, string>>
  /** By cronjob id. */
  readonly cronjobSecrets: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** By registry host as `parseImageReference` gives it, e.g. `docker.io`. */
  readonly registries: ReadonlyMap<string, RegistryAuth>
  /** In the platform's own PostgreSQL, for a project that names no store of its own. Default: it gets none. */
  readonly database?: Account | null
}

/** settings/load.ts with its database and key bound. A PandaError it throws ends the runs of that project as failed. */
export type LoadSettings = (projectId: string, cronjobIds: readonly string[]) => Promise<ProjectSettings>

export interface CollectRequest {
  readonly runId: string
  readonly attempt: number
  readonly unit: string
  /** Values that must not reach the store. */
  readonly secrets: readonly string[]
  /** What the platform has to say about it, as the log's first line; null = nothing. */
  readonly note: string | null
  /** True when nobody can have stored a line of this attempt before. */
  readonly fresh: boolean
  readonly signal: AbortSignal
}

/**
 * Copies a unit's output into the store from where an earlier follower stopped, until the unit has exited and all is
 * read. Rejects with RuntimeError `engine-away` when the engine went away: it is then called again.
 */
export type CollectLogs = (request: CollectRequest) => Promise<void>

/** What metrics want to know of an attempt whose end was accepted. */
export interface EndedWork {
  readonly runId: string
  readonly attempt: number
  readonly trigger: Trigger
  /** The run's state then: `retrying` when another attempt follows. */
  readonly state: RunState
  /** From its claim by this server to the record of its end; an adopted one from the start of its unit. */
  readonly durationMs: number
}

/** How the units of a project are told of its database; `why` they cannot be, for people. */
export type ReachDatabase = (project: ProjectRef, account: Account) => Promise<{ url: string } | { why: string }>

export interface ExecutorDeps {
  /** For the log; default `executor`. */
  readonly name?: string
  /** Whose work it carries out. Default: the runs of cronjobs. */
  readonly ledger?: Ledger
  readonly db: Database
  readonly driver: RuntimeDriver
  readonly collectLogs: CollectLogs
  readonly loadSettings: LoadSettings
  /** Default: no project has a database of the platform. */
  readonly reachDatabase?: ReachDatabase
  readonly listener: Pick<Listener, 'on'>
  readonly clock: Clock
  readonly log: Log
  /** Value of the label `panda.installation`. */
  readonly installation: string
  readonly serverId: string
  /** Units at a time. Default 16. Runs that are adopted from a dead server come on top. */
  readonly maxRuns?: number
  /** Membership's word: false when others may have taken our runs. Default: always sure. */
  readonly surelyOurs?: () => boolean
  /** False while nobody can tell which engine this is: nothing may be claimed for it. Default: it is known. */
  readonly engineKnown?: () => boolean
  /** Told of each recorded end. Must not throw. */
  readonly onEnded?: (work: EndedWork) => void
  /** How long a stop waits for attempts that are between two steps. Milliseconds, default 15,000. */
  readonly stopLimitMs?: number
}
