import { type AppSpec, parsePublishedPort, type Reason } from '@pandastack/contract'
import { sql } from 'kysely'
import type { CancelRequest, Ledger } from '../executor/ledger.ts'
import type { LoadSettings } from '../executor/ports.ts'
import type { WorkSpec } from '../executor/prepared-run.ts'
import { prepareWork } from '../executor/prepare.ts'
import type { RunRow } from '../executor/read-run-rows.ts'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import { createTransitions } from '../runs/transition.ts'
import type { Database } from '../store/database.ts'
import { holdInstance } from './hold-instance.ts'
import { finishInstances, recordInstanceStarts, requeueInstances, setInstancePhases } from './instance-writes.ts'

/** Never used: an instance that ends starts again by its own rule (restart-delay.ts). */
const NO_RETRY: WorkSpec['retry'] = {
  attempts: 1,
  backoff: { kind: 'fixed', delay: '1s', factor: 1, max: '1s', jitter: 0 },
}

/** The instances of apps, as the executor's work. */
export function instanceLedger(db: Database, loadSettings: LoadSettings): Ledger {
  return {
    prepare: async (work) => prepareWork('app', await readInstanceRows(db, work), loadSettings, work),
    transitions: (deps) =>
      createTransitions(
        { ...deps, db },
        {
          phase: setInstancePhases,
          started: recordInstanceStarts,
          requeued: requeueInstances,
          finished: finishInstances,
        },
      ),
    owned: async (serverId, work) => new Set((await readOwned(db, serverId, work)).map((row) => row.id)),
    hold: (hold) => holdInstance(db, hold),
    channel: 'panda_apps',
    async cancelRequests(serverId) {
      const { rows } = await sql<CancelRequest>`
        select i.id, i.fence, i.cancel_reason as reason, i.cancel_by as by from app_instances i
        where i.cancel_reason is not null and i.state = 'running' and i.server_id = ${serverId}`.execute(db)
      return rows
    },
  }
}

async function readOwned(db: Database, serverId: string, work: readonly ClaimedRun[]): Promise<{ id: string }[]> {
  const { rows } = await sql<{ id: string }>`
    select i.id from app_instances i
    join unnest(${work.map((item) => item.id)}::text[], ${work.map((item) => item.fence)}::int[]) as w (id, fence)
      on w.id = i.id and w.fence = i.fence
    where i.state = 'running' and i.server_id = ${serverId}`.execute(db)
  return rows
}

interface InstanceRow {
  readonly id: string
  readonly project: string
  readonly app: string
  readonly spec: AppSpec
  readonly image_digest: string | null
  readonly env_snapshot: Record<string, string> | null
  readonly stopping: boolean
  readonly cancel_reason: Reason | null
  readonly cancel_by: string | null
  readonly running_for_ms: number | null
  readonly held: boolean
}

async function readInstanceRows(db: Database, work: readonly ClaimedRun[]): Promise<ReadonlyMap<string, RunRow>> {
  const { rows } = await sql<InstanceRow>`
    select i.id, p.name as project, a.name as app, v.spec, v.image_digest, v.env_snapshot, i.held,
      i.phase is not distinct from 'stopping' as stopping, i.cancel_reason, i.cancel_by,
      (extract(epoch from panda_now() - i.attempt_started_at) * 1000)::float8 as running_for_ms
    from unnest(${work.map((item) => item.id)}::text[], ${work.map((item) => item.fence)}::int[]) as w (id, fence)
    join app_instances i on i.id = w.id and i.fence = w.fence and i.state = 'running'
    join apps a on a.id = i.app_id
    join projects p on p.id = i.project_id
    join app_revisions v on v.app_id = i.app_id and v.revision = i.revision`.execute(db)
  return new Map(rows.map((row) => [row.id, toRunRow(row)]))
}

function toRunRow({ app, spec, ...row }: InstanceRow): RunRow {
  const { image, entrypoint, command, env, pull, memory, cpus, drain } = spec
  return {
    ...row,
    cronjob: app,
    spec: { image, entrypoint, command, env, pull, memory, cpus, grace: drain, timeout: null, retry: NO_RETRY },
    overrides: null,
    max_attempts: 1,
    lost_attempts: 0,
    past_deadline: false,
    late_after_ms: null,
    port: spec.port === null ? null : parsePublishedPort(spec.port),
  }
}
