import type { InstanceUsage } from '@pandastack/contract'
import { sql } from 'kysely'
import { RuntimeError, type UnitUsage, unitName } from '../runtime/driver.ts'
import type { Database } from '../store/database.ts'
import { appNotFound } from './lock-app.ts'
import { instanceName } from './app-view.ts'
import type { UsageDeps } from './usage-deps.ts'

export interface UsageRequest {
  readonly projectId: string
  /** Null = of all apps of the project. */
  readonly app: string | null
  readonly windowMs: number
}

interface Running {
  readonly app: string
  readonly id: string
  readonly revision: number
  readonly attempt: number
  readonly engine_id: string | null
}

/**
 * What the running instances use, measured now: two looks at the engine with the window between them. What is not known
 * of one, e.g. since its container is on the engine of another server, is said at that one.
 *
 * @throws PandaError `not_found`
 */
export async function measureUsage(
  deps: UsageDeps,
  db: Database,
  request: UsageRequest,
  signal: AbortSignal,
): Promise<InstanceUsage[]> {
  const running = await readRunning(db, request)
  const here = running.filter(({ engine_id }) => engine_id === deps.engineId())
  const units = here.map(({ id, attempt }) => unitName(id, attempt))
  const measured = await measure(deps, units, request.windowMs, signal)
  return running.map((instance) => {
    const { id, app, revision, attempt } = instance
    const said = here.includes(instance) ? measured(unitName(id, attempt)) : unknown(ELSEWHERE)
    return { app, id, instance: instanceName(app, id), revision, ...said }
  })
}

const ELSEWHERE = 'its container is on the engine of another server'
const ENDED = 'its container has just ended'

type Measured = Pick<InstanceUsage, 'memoryBytes' | 'memoryLimitBytes' | 'cpuCores' | 'cpuSeconds' | 'unknown'>

async function measure(
  { driver, clock }: UsageDeps,
  units: readonly string[],
  windowMs: number,
  signal: AbortSignal,
): Promise<(unit: string) => Measured> {
  if (units.length === 0) return () => unknown(ENDED)
  try {
    const before = await driver.usage(units, signal)
    await clock.sleep(windowMs, signal)
    signal.throwIfAborted()
    const now = await driver.usage(units, signal)
    return (unit) => compare(before.get(unit), now.get(unit))
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error
    return () => unknown(error.message)
  }
}

function compare(before: UnitUsage | undefined, now: UnitUsage | undefined): Measured {
  if (before === undefined || now === undefined) return unknown(ENDED)
  const { memoryBytes, memoryLimitBytes, cpuNanoseconds } = now
  return {
    memoryBytes,
    memoryLimitBytes,
    cpuCores: coresOf(before, now),
    cpuSeconds: cpuNanoseconds === null ? null : cpuNanoseconds / 1e9,
    unknown: now.why ?? null,
  }
}

/** To a thousandth. The count of a process group goes back when one that nobody waited for ends: that is no time at all. */
function coresOf(before: UnitUsage, now: UnitUsage): number | null {
  const nanoseconds = (now.atMs - before.atMs) * 1e6
  if (before.cpuNanoseconds === null || now.cpuNanoseconds === null || nanoseconds <= 0) return null
  return Math.round(Math.max(0, (now.cpuNanoseconds - before.cpuNanoseconds) / nanoseconds) * 1000) / 1000
}

function unknown(why: string): Measured {
  return { memoryBytes: null, memoryLimitBytes: null, cpuCores: null, cpuSeconds: null, unknown: why }
}

/** One that is asked to end still runs until it does. */
async function readRunning(db: Database, { projectId, app }: UsageRequest): Promise<Running[]> {
  const { rows } = await sql<Running | (Record<keyof Running, null> & { app: string })>`
    select a.name as app, i.id, i.revision, i.attempt, i.engine_id from apps a
    left join app_instances i on i.app_id = a.id and i.state = 'running' and i.phase in ('running', 'stopping')
    where a.project_id = ${projectId} and a.deleted_at is null and (${app}::text is null or a.name = ${app})
    order by a.name, i.revision, i.slot, i.id`.execute(db)
  if (app !== null && rows.length === 0) throw appNotFound(app)
  return rows.filter((row): row is Running => row.id !== null)
}
