import type { Status } from '@pandastack/contract'
import type { AlertQueue } from '../alerts/alert-queue.ts'
import type { ExecDeps } from '../apps/exec-deps.ts'
import type { UsageDeps } from '../apps/usage-deps.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Clock } from '../clock.ts'
import type { ProjectDatabases } from '../databases/project-databases.ts'
import type { ProjectEvents } from '../events/project-events.ts'
import type { Log } from '../log.ts'
import type { LogStore } from '../logs/log-store.ts'
import type { Metrics } from '../metrics.ts'
import type { ProjectDirectory } from '../projects/project-directory.ts'
import type { ProjectQueues } from '../queues/project-queues.ts'
import type { QueueReader } from '../queues/queue-reader.ts'
import type { SecretBox } from '../settings/secret-box.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'

export interface Readiness {
  readonly ready: boolean
  readonly database: boolean
  readonly scheduler: boolean
  readonly engine: boolean
  /** Why it is not ready, for people; null = it is. */
  readonly reason: string | null
}

/** Everything that the API is built upon; made in main.ts. */
export interface ApiDeps {
  readonly db: Database
  readonly listener: Listener
  readonly clock: Clock
  readonly log: Log
  readonly box: SecretBox
  readonly authenticator: Authenticator
  readonly projects: ProjectDirectory
  readonly databases: Pick<ProjectDatabases, 'dropDeleted' | 'unavailable' | 'unreachable'>
  readonly logs: LogStore
  readonly metrics: Metrics
  /** Why the database can keep nothing now; null = it can, as far as is known. */
  readonly databaseTrouble: () => Promise<string | null>
  readonly queues: ProjectQueues
  readonly queueReader: QueueReader
  readonly alertQueue: AlertQueue
  readonly events: ProjectEvents
  /** Commands inside instances, on the engine of this server. */
  readonly exec: ExecDeps
  /** Memory and CPU of instances, on the engine of this server. */
  readonly usage: UsageDeps
  readonly readiness: () => Promise<Readiness>
  /** @param projectId counts of this project only; null = of all */
  readonly status: (projectId: string | null) => Promise<Status>
  /** Private addresses that alerts may call. */
  readonly alertAllow: readonly string[]
  /** Calls per minute and token; 0 = no limit. */
  readonly rateLimit: number
  /** Holds every answer against its schema: for tests. In production answers are what the typed handlers return. */
  readonly checkAnswers: boolean
  /** Bound to a loopback address. */
  readonly loopback: boolean
  /** Aborts when the server begins to stop: open streams end. */
  readonly stopping: AbortSignal
}
