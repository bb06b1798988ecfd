import type { Queryable } from '../store/database.ts'
import { storableText } from '../store/storable-text.ts'
import {
  type AlertItem,
  type AppAlertItem,
  type AppEventFacts,
  LAST_LINES,
  MAX_LINE_LENGTH,
  type RunAlertItem,
} from './payload.ts'

/**
 * Reads the last stored lines of a run or an instance, oldest first, on the connection given: to wait for another one of
 * the pool in the middle of a transaction is how a crowded pool locks itself up.
 */
export type LastLines = (db: Queryable, runId: string, count: number) => Promise<readonly string[]>

/** An event that goes into the message that is being made. */
export type TakenEvent =
  | { readonly run_id: string; readonly app: null; readonly event: RunAlertItem['event'] }
  | { readonly run_id: null; readonly app: AppEventFacts; readonly event: AppAlertItem['event'] }

/** What the message says of each; an event whose run the retention has removed since is left out. */
export async function itemsOf(
  tx: Queryable,
  events: readonly TakenEvent[],
  lastLines: LastLines,
): Promise<AlertItem[]> {
  const runs = await readRuns(tx, events)
  const items: AlertItem[] = []
  for (const taken of events) {
    const item = taken.app === null ? await runItem(tx, taken, runs, lastLines) : await appItem(tx, taken, lastLines)
    if (item !== null) items.push(item)
  }
  return items
}

async function readRuns(tx: Queryable, events: readonly TakenEvent[]) {
  const ids = events.flatMap(({ run_id }) => run_id ?? [])
  if (ids.length === 0) return new Map<string, never>()
  const runs = await tx
    .selectFrom('runs')
    .innerJoin('cronjobs', 'cronjobs.id', 'runs.cronjob_id')
    .selectAll('runs')
    .select('cronjobs.name as cronjob')
    .where('runs.id', 'in', ids)
    .execute()
  return new Map(runs.map((run) => [run.id, run]))
}

async function runItem(
  tx: Queryable,
  { run_id, event }: Extract<TakenEvent, { app: null }>,
  runs: Awaited<ReturnType<typeof readRuns>>,
  lastLines: LastLines,
): Promise<RunAlertItem | null> {
  const run = runs.get(run_id)
  if (!run) return null
  const wanted = event === 'failed' || event === 'lost'
  return {
    event,
    run: run.id,
    cronjob: run.cronjob,
    state: run.state,
    reason: run.reason,
    message: run.message === null ? null : storableText(run.message),
    exitCode: run.exit_code,
    attempt: run.attempt,
    dueAt: run.due_at.toISOString(),
    startedAt: run.started_at?.toISOString() ?? null,
    finishedAt: run.finished_at?.toISOString() ?? null,
    lastLines: wanted ? await readLines(tx, run.id, lastLines) : [],
  }
}

async function appItem(
  tx: Queryable,
  { event, app }: Extract<TakenEvent, { run_id: null }>,
  lastLines: LastLines,
): Promise<AppAlertItem> {
  const wanted = event !== 'recovered' && app.instance !== null
  return { event, ...app, lastLines: wanted ? await readLines(tx, app.instance, lastLines) : [] }
}

async function readLines(tx: Queryable, id: string, lastLines: LastLines): Promise<string[]> {
  const lines = await lastLines(tx, id, LAST_LINES)
  return lines.map((line) => storableText(line.slice(0, MAX_LINE_LENGTH)))
}
