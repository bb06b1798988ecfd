import type { AlertEvent } from '@pandastack/contract'
import { sql } from 'kysely'
import { noteRunEvents, type RunEvent } from '../../alerts/note-run-events.ts'
import type { Queryable } from '../../store/database.ts'
import type { EndedAttempt, MovedRun } from './ended-attempt.ts'
import type { Endings } from './release-held.ts'

/** The cronjobs of the runs that end well and badly by this; those that go on count for neither. */
export function endingsOf(items: readonly EndedAttempt[]): Endings {
  const bad = new Set<string>()
  const good = new Set<string>()
  for (const { cronjobId, next } of items) {
    if (next.state === 'succeeded') good.add(cronjobId)
    else if (next.state === 'failed' || next.state === 'lost') bad.add(cronjobId)
  }
  return { bad: [...bad], good: [...good] }
}

/** Notes failed, lost and recovered runs for the alerts and keeps `cronjobs.failing`, by which a recovery is known. */
export async function noteHealth(
  trx: Queryable,
  moved: readonly MovedRun[],
  locked: ReadonlyMap<string, boolean>,
): Promise<void> {
  const failing = new Map(locked)
  const events: RunEvent[] = []
  for (const run of moved) {
    const event = eventOf(run, failing)
    if (event === null) continue
    events.push({ runId: run.id, projectId: run.project_id, cronjobId: run.cronjob_id, event })
    if (failing.has(run.cronjob_id)) failing.set(run.cronjob_id, event !== 'recovered')
  }
  await noteRunEvents(trx, events)
  const turned = [...failing].filter(([id, now]) => locked.get(id) !== now)
  if (turned.length === 0) return
  await sql`
    update cronjobs c set failing = u.failing
    from unnest(${turned.map(([id]) => id)}::text[], ${turned.map(([, now]) => now)}::bool[]) as u (id, failing)
    where c.id = u.id`.execute(trx)
}

function eventOf(run: MovedRun, failing: ReadonlyMap<string, boolean>): AlertEvent | null {
  if (run.state === 'failed' || run.state === 'lost') return run.state
  return run.state === 'succeeded' && failing.get(run.cronjob_id) === true ? 'recovered' : null
}
