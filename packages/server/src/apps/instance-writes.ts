import type { Reason } from '@pandastack/contract'
import { sql } from 'kysely'
import type { EndedAttempt } from '../runs/transition/ended-attempt.ts'
import type { StartedAttempt } from '../runs/transition/record-started.ts'
import type { Requeued } from '../runs/transition/requeue.ts'
import type { PhaseChange } from '../runs/transition/set-phase.ts'
import type { Database } from '../store/database.ts'
import type { Fenced } from '../runs/transition/fenced.ts'
import { withEnd } from './instance-end.ts'
import { pinRevision } from './pin-revision.ts'
import { restartDelayMs, STEADY_MS } from './restart-delay.ts'

/** What the owner of instances writes. Each answers per item whether the instance is still ours. */

export const ours = (item: Fenced) => sql`i.id = ${item.id} and i.fence = ${item.fence} and i.state = 'running'`
export const wakeOf = (id: string) => sql`select pg_notify('panda_apps', ${id})`

/** One after the other: instances are few, and each write tells who waits for it. */
async function each<T>(items: readonly T[], write: (item: T) => Promise<boolean>): Promise<boolean[]> {
  const kept: boolean[] = []
  for (const item of items) kept.push(await write(item))
  return kept
}

export function setInstancePhases(db: Database, items: readonly PhaseChange[]): Promise<boolean[]> {
  return each(items, async (item) => {
    const { numAffectedRows } = await sql`update app_instances i set phase = ${item.phase} where ${ours(item)}`.execute(
      db,
    )
    return numAffectedRows === 1n
  })
}

/** The first start of a revision decides what image and which variables all its instances have. */
export function recordInstanceStarts(db: Database, items: readonly StartedAttempt[]): Promise<boolean[]> {
  return each(items, (item) =>
    db.transaction().execute(async (trx) => {
      const agoMs = item.agoMs?.() ?? 0
      const started = item.startedAt?.toISOString() ?? null
      const { rows } = await sql<{ app_id: string; revision: number }>`
        update app_instances i set phase = 'running', message = null, reason = null, exit_code = null,
          attempt_started_at = coalesce(i.attempt_started_at, least(panda_now(),
            greatest(coalesce(${started}::timestamptz, panda_now() - ${agoMs} * interval '1 millisecond'), i.created_at)))
        where ${ours(item)} returning i.app_id, i.revision`.execute(trx)
      const row = rows[0]
      if (row === undefined) return false
      const { imageDigest, envSnapshot } = item
      await pinRevision(trx, { appId: row.app_id, revision: row.revision, imageDigest, envSnapshot })
      await wakeOf(item.id).execute(trx)
      return true
    }),
  )
}

export function requeueInstances(db: Database, items: readonly Requeued[]): Promise<boolean[]> {
  return each(items, async (item) => {
    const { numAffectedRows } = await sql`
      update app_instances i set state = 'queued', phase = null, attempt = i.attempt - 1, server_id = null,
        engine_id = case when ${item.pinned} then i.engine_id end, reason = 'engine-away', message = ${item.message},
        available_at = panda_now() + ${item.delayMs} * interval '1 millisecond'
      where ${ours(item)} and i.attempt_started_at is null`.execute(db)
    return numAffectedRows === 1n
  })
}

/** What ended by itself starts again; what was asked to end has ended. To repeat it after a commit in doubt is safe. */
export function finishInstances(db: Database, items: readonly EndedAttempt[]): Promise<boolean[]> {
  return each(items, (item) => (item.verdict.outcome === 'cancelled' ? end(db, item) : startAgain(db, item)))
}

async function end(db: Database, { verdict, ...item }: EndedAttempt): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`
    update app_instances i set state = 'cancelled', phase = null, reason = ${verdict.reason}, exit_code = ${verdict.exitCode},
      message = ${endMessage(verdict.reason)}, finished_at = panda_now()
    where ${ours(item)} returning i.id`.execute(db)
  if (rows.length === 0) return alreadyDone(db, item)
  await wakeOf(item.id).execute(db)
  return true
}

async function startAgain(db: Database, { verdict, ...item }: EndedAttempt): Promise<boolean> {
  const { reason, exitCode } = verdict
  const message = verdict.message?.replaceAll('\0', '') ?? 'ended by itself (exit code 0)'
  const { rows } = await sql<{ crashes: number }>`
    update app_instances i set phase = null, ready_at = null, reason = ${reason}, exit_code = ${exitCode},
      message = ${message}, ends = ${withEnd({ reason, message, exitCode })},
      state = case when i.cancel_reason is null then 'retrying' else 'cancelled' end,
      finished_at = case when i.cancel_reason is null then null else panda_now() end,
      crashes = case when i.attempt_started_at < panda_now() - ${STEADY_MS} * interval '1 millisecond' then 1
        else i.crashes + 1 end
    where ${ours(item)} returning i.crashes`.execute(db)
  const row = rows[0]
  if (row === undefined) return alreadyDone(db, item)
  const delayMs = restartDelayMs(row.crashes, Math.random())
  await sql`
    update app_instances i set available_at = panda_now() + ${delayMs} * interval '1 millisecond'
    where i.id = ${item.id} and i.fence = ${item.fence} and i.state = 'retrying'`.execute(db)
  await wakeOf(item.id).execute(db)
  return true
}

/** With our fence and not running any more: only we could have ended it, and the answer was lost. */
async function alreadyDone(db: Database, { id, fence }: Fenced): Promise<boolean> {
  const { rows } = await sql`
    select 1 from app_instances i where i.id = ${id} and i.fence = ${fence} and i.state <> 'running'`.execute(db)
  return rows.length > 0
}

export function endMessage(reason: Reason | null): string {
  switch (reason) {
    case 'scaled-down':
      return 'is not needed any more: its app was scaled down'
    case 'replaced':
      return 'was replaced by an instance of the next revision'
    case 'not-ready':
      return 'was ended since its deploy failed'
    case 'deleted':
      return 'its app was deleted'
    default:
      return 'its app was stopped'
  }
}
