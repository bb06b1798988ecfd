import { sql } from 'kysely'
import type { Reason } from '@pandastack/contract'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import { createTransitions, type RunTransitions, type TransitionDeps } from '../runs/transition.ts'
import { type Fenced, stillRunning } from '../runs/transition/fenced.ts'
import type { Database } from '../store/database.ts'
import type { ChannelName } from '../store/listen.ts'
import { keepOwned } from './keep-owned.ts'
import type { LoadSettings } from './ports.ts'
import { type Preparation, prepareWork } from './prepare.ts'
import { readRunRows } from './read-run-rows.ts'

/** Requests read at once. */
const LIMIT = 1000

export interface CancelRequest {
  readonly id: string
  readonly fence: number
  readonly reason: Reason
  readonly by: string | null
}

export interface Hold extends Fenced {
  readonly imageDigest: string | null
  readonly envSnapshot: Readonly<Record<string, string>>
}

/** `held`: it is put back and comes again; `cancelled`: somebody wants its end; `stale`: it is not ours any more. */
export type HoldAnswer = 'go' | 'held' | 'cancelled' | 'stale'

/**
 * Where the work of an executor is on record: what it needs, what becomes of it, and who wants it to end. Runs of
 * cronjobs are one kind of such work, instances of apps the other; both are followed by the same code.
 */
export interface Ledger {
  /** Reads what the attempts of a batch need. */
  prepare(work: readonly ClaimedRun[]): Promise<Preparation[]>
  transitions(deps: Omit<TransitionDeps, 'db'>): RunTransitions
  /** Which of these are still running, of this server, and with the fence that it has. */
  owned(serverId: string, work: readonly ClaimedRun[]): Promise<ReadonlySet<string>>
  cancelRequests(serverId: string): Promise<readonly CancelRequest[]>
  /** Asked when the image of work that is `held` is there: may it start? Absent where nothing ever is. */
  hold?(hold: Hold): Promise<HoldAnswer>
  /** Tells of changes, payload: an id, or empty for many. */
  readonly channel: ChannelName
}

/** The runs of cronjobs. */
export function runLedger(db: Database, loadSettings: LoadSettings): Ledger {
  return {
    prepare: async (runs) => prepareWork('run', await readRunRows(db, runs), loadSettings, runs),
    transitions: (deps) => createTransitions({ ...deps, db }),
    owned: (serverId, runs) => keepOwned(db, serverId, runs),
    channel: 'panda_runs',
    async cancelRequests(serverId) {
      const { rows } = await sql<CancelRequest>`
        select r.id, r.fence, r.cancel_reason as reason, r.cancel_by as by from runs r
        where r.cancel_reason is not null and ${stillRunning} and r.server_id = ${serverId}
        limit ${LIMIT}`.execute(db)
      return rows
    },
  }
}
