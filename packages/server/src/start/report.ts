import type { Status } from '@pandastack/contract'
import type { Readiness } from '../api/deps.ts'
import type { Clock } from '../clock.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import type { ServerStatus } from '../servers/liveness.ts'
import { probeDatabase, readCounts, readRunning } from '../status.ts'
import type { Database } from '../store/database.ts'
import { VERSION } from '../version.ts'
import { askEngine } from './engine-id.ts'
import { paced } from './paced.ts'

export interface ReportDeps {
  readonly db: Database
  readonly clock: Clock
  readonly databaseKind: 'embedded' | 'external'
  /** Why the database can keep nothing now; null = it can, as far as is known. */
  readonly databaseTrouble: () => Promise<string | null>
  readonly startedAt: Date
  readonly scheduler: { readonly up: boolean; readonly trouble: string | null; readonly nextDueAt: Date | null }
  readonly membership: { readonly serverId: string; list(): Promise<ServerStatus[]> }
  readonly driver: RuntimeDriver
  readonly engineWarning: string | null
}

/** A probe must not wait longer: its caller has a timeout of its own. */
const PROBE_LIMIT_MS = 2000
const ENGINE_LIMIT_MS = 2000

const UNREACHABLE = 'the database does not answer'

export interface Report {
  readonly readiness: () => Promise<Readiness>
  readonly status: (projectId: string | null) => Promise<Status>
}

/** What the server says about itself. Ready = it can take orders and keep them: the engine may be away. */
export function createReport(deps: ReportDeps): Report {
  const { db, clock, scheduler, driver } = deps

  const database = (): Promise<string | null> =>
    Promise.race([probeDatabase(db), clock.sleep(PROBE_LIMIT_MS).then(() => null)])

  const counts = paced(
    () => clock.now(),
    (projectId: string | null) => readCounts(db, projectId),
  )
  const running = paced(
    () => clock.now(),
    () => readRunning(db),
  )

  const readiness = async (): Promise<Readiness> => {
    const [version, engine, trouble] = await Promise.all([
      database(),
      askEngine(driver, PROBE_LIMIT_MS),
      deps.databaseTrouble(),
    ])
    const parts = { database: version !== null, scheduler: scheduler.up }
    const ready = parts.database && parts.scheduler && trouble === null
    const reason = ready ? null : (trouble ?? (parts.database ? scheduler.trouble : null) ?? UNREACHABLE)
    return { ready, ...parts, engine: engine !== null, reason }
  }

  const status = async (projectId: string | null): Promise<Status> => {
    const [version, engine, counted, runningBy, servers] = await Promise.all([
      database(),
      askEngine(driver, ENGINE_LIMIT_MS),
      counts(projectId),
      running(null),
      deps.membership.list(),
    ])
    return {
      version: VERSION,
      server: deps.membership.serverId,
      startedAt: deps.startedAt.toISOString(),
      ready: version !== null && scheduler.up,
      database: { kind: deps.databaseKind, up: version !== null, version },
      scheduler: { up: scheduler.up, nextDueAt: scheduler.nextDueAt?.toISOString() ?? null },
      engine: {
        runtime: driver.name,
        up: engine !== null,
        version: engine?.version ?? null,
        address: engine?.address ?? driver.address ?? '',
        warning: engine?.warning ?? deps.engineWarning,
      },
      servers: servers.map((server) => ({
        id: server.id,
        engine: server.engineId,
        alive: server.alive,
        running: runningBy.get(server.id) ?? 0,
        startedAt: server.startedAt.toISOString(),
      })),
      counts: counted,
    }
  }

  return { readiness, status }
}
