import { type InstanceState, PandaError, type Phase } from '@pandastack/contract'
import { sql } from 'kysely'
import { unitName } from '../runtime/driver.ts'
import type { Database } from '../store/database.ts'
import { getApp, instanceName } from './app-view.ts'

export interface ExecTarget {
  readonly instance: string
  readonly unit: string
  readonly engineId: string
}

interface Row {
  readonly id: string
  readonly attempt: number
  readonly state: InstanceState
  readonly phase: Phase | null
  readonly engine_id: string | null
}

/**
 * The container that a command is to be run in.
 *
 * @param wanted name or id; undefined = a ready one of the newest revision, else any that runs
 * @throws PandaError `not_found` for an unknown app or instance, `instance_not_running`
 */
export async function findExecTarget(
  db: Database,
  projectId: string,
  name: string,
  wanted: string | undefined,
): Promise<ExecTarget> {
  const app = await getApp(db, projectId, name)
  const { rows } = await sql<Row>`
    select i.id, i.attempt, i.state, i.phase, i.engine_id from app_instances i where i.app_id = ${app.id}
    order by i.state = 'running' and i.phase = 'running' desc, i.cancel_reason is null desc,
      i.ready_at is not null desc, i.revision desc, i.slot, i.id`.execute(db)
  const row = rows.find(({ id }) => wanted === undefined || id === wanted || instanceName(name, id) === wanted)
  if (row === undefined && wanted !== undefined) {
    throw new PandaError('not_found', `The app "${name}" has no instance "${wanted}".`, {
      hint: `See: panda app get ${name}`,
    })
  }
  // One that is asked to end still runs until it does.
  const runs = row?.state === 'running' && (row.phase === 'running' || row.phase === 'stopping')
  if (row === undefined || row.engine_id === null || !runs) throw notRunning(name, wanted, row)
  return { instance: instanceName(name, row.id), unit: unitName(row.id, row.attempt), engineId: row.engine_id }
}

function notRunning(app: string, wanted: string | undefined, row: Row | undefined): PandaError {
  const hint = `See: panda app get ${app}`
  if (wanted === undefined || row === undefined) {
    return new PandaError('instance_not_running', `No instance of the app "${app}" is running.`, { hint })
  }
  const how = row.state === 'running' ? (row.phase ?? row.state) : row.state
  const message = `The instance "${instanceName(app, row.id)}" is not running: it is ${how}.`
  return new PandaError('instance_not_running', message, { hint })
}
