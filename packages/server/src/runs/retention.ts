import { FINAL_RUN_STATES, type RunState } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Log } from '../log.ts'
import type { Database, Queryable } from '../store/database.ts'

/** Runs of a deleted cronjob are kept so long. */
const DELETED_KEPT = '30 days'
/** Cronjobs looked at by one statement. */
const PAGE = 500
/** Runs deleted by one transaction: the log of a single one may be tens of megabytes. While there are more, it goes on at once. */
const BATCH = 200
/** Between two pages, and between two sweeps over all cronjobs, in milliseconds. */
const PAGE_PAUSE_MS = 1000
/** Behind a page that had nothing to delete: most have not, and looking costs as much as deleting. */
const QUIET_PAUSE_MS = 5000
/** A page is followed by a pause ten times as long: a sweep takes a tenth of a connection at most. */
const PACE = 10
const SWEEP_PAUSE_MS = 300_000
/** Any fixed number that no other lock has: one server sweeps at a time. */
const LOCK_KEY = 7_300_001

export interface RetentionDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
}

/** What ended without having been carried out, and may be many: a minutely cronjob that is paused makes 1440 a day. */
const NOT_CARRIED_OUT: readonly RunState[] = ['skipped', 'missed']
const CARRIED_OUT = FINAL_RUN_STATES.filter((state) => !NOT_CARRIED_OUT.includes(state))

/**
 * Deletes old runs with their attempts and logs. Of each cronjob the newest `keep` stay that were carried out, and as
 * many of those that were not (skipped, missed): a pause must not push the real history out.
 */
export class Retention implements Component {
  readonly name = 'retention'
  readonly #deps: RetentionDeps
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined

  constructor(deps: RetentionDeps) {
    this.#deps = deps
  }

  start(): Promise<void> {
    this.#loop ??= this.#run()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  /** One pass over all cronjobs. @returns how many runs were deleted */
  async sweep(): Promise<number> {
    const { db, clock } = this.#deps
    let deleted = 0
    let after: string | null = ''
    while (after !== null && !this.#stopping.signal.aborted) {
      const from: string = after
      const startedMs = clock.now()
      const page = await sweepPage(db, from)
      if (page === null) return deleted // another server is at it
      deleted += page.deleted
      after = page.next
      if (after === null) break
      if (after === from) continue // a backlog: who starts more runs than a slow sweep deletes would never be done
      const tookMs = clock.now() - startedMs
      const pauseMs = page.deleted === 0 ? QUIET_PAUSE_MS : PAGE_PAUSE_MS
      await clock.sleep(Math.max(pauseMs, tookMs * PACE), this.#stopping.signal)
    }
    return deleted
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const deleted = await this.sweep()
        if (deleted > 0) log.info({ runs: deleted }, 'deleted old runs')
      } catch (error) {
        log.warn({ err: error }, 'old runs could not be deleted; it is tried again')
      }
      await clock.sleep(SWEEP_PAUSE_MS, signal)
    }
  }
}

interface SweptPage {
  readonly deleted: number
  /** The cronjob to go on behind; the same page again while it had more to delete; null = that was the last. */
  readonly next: string | null
}

function sweepPage(db: Database, after: string): Promise<SweptPage | null> {
  return db.transaction().execute(async (trx) => {
    const { rows: locks } = await sql<{ mine: boolean }>`select pg_try_advisory_xact_lock(${LOCK_KEY}) as mine`.execute(
      trx,
    )
    if (locks[0]?.mine !== true) return null
    const { rows: jobs } = await sql<{ id: string }>`
      select id from cronjobs where id > ${after} order by id limit ${PAGE}`.execute(trx)
    const ids = jobs.map((job) => job.id)
    const runs = await findOldRuns(trx, ids)
    await deleteRuns(trx, runs)
    if (runs.length === BATCH) return { deleted: runs.length, next: after }
    await deleteGoneCronjobs(trx, ids)
    return { deleted: runs.length, next: jobs.length === PAGE ? (ids.at(-1) ?? null) : null }
  })
}

async function findOldRuns(trx: Queryable, cronjobIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select old.id from cronjobs c
    cross join (values (${[...CARRIED_OUT]}::text[]), (${[...NOT_CARRIED_OUT]}::text[])) as kind (states)
    cross join lateral (
      select r.id from runs r
      where r.cronjob_id = c.id and r.state = any (kind.states)
      order by r.id desc
      offset case when c.deleted_at < panda_now() - interval '${sql.raw(DELETED_KEPT)}' then 0
        else (c.spec ->> 'keep')::int end
    ) old
    where c.id = any (${[...cronjobIds]}::text[])
    limit ${BATCH}`.execute(trx)
  return rows.map((row) => row.id)
}

/** With their attempts and logs. Bounded by the caller: a run may have many rows of log. */
export async function deleteRuns(trx: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  for (const table of ['log_chunks', 'run_logs', 'attempts'] as const) {
    await sql`delete from ${sql.table(table)} where run_id = any (${[...ids]}::text[])`.execute(trx)
  }
  await sql`delete from runs where id = any (${[...ids]}::text[])`.execute(trx)
}

/** Of a cronjob that was deleted long ago nothing is left when its last run goes. */
async function deleteGoneCronjobs(trx: Queryable, ids: readonly string[]): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    delete from cronjobs c
    where c.id = any (${[...ids]}::text[]) and c.deleted_at < panda_now() - interval '${sql.raw(DELETED_KEPT)}'
      and not exists (select 1 from runs r where r.cronjob_id = c.id)
    returning c.id`.execute(trx)
  if (rows.length === 0) return
  const gone = rows.map((row) => row.id)
  await sql`delete from cronjob_revisions where cronjob_id = any (${gone}::text[])`.execute(trx)
  await sql`delete from secrets where cronjob_id = any (${gone}::text[])`.execute(trx)
}
