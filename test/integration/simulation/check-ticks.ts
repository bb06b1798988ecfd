import { parseSchedule, ticksBetween } from '@pandastack/sdk/schedule'
import { sql } from 'kysely'
import type { Database } from '../../../packages/server/src/store/database.ts'

interface Cronjob {
  id: string
  name: string
  deleted_at: Date | null
  next_due_at: Date | null
  now: Date
}

interface Row {
  revision: number
  due: number
  note: string | null
}

/** Revisions in a row that share schedule and zone: what is due within it is one sequence of ticks. */
interface Era {
  readonly schedule: string
  readonly timezone: string
  /** Epoch ms; the first tick is the first one after it. */
  readonly from: number
  readonly revisions: Set<number>
}

/**
 * Compares the rows with what the evaluator says was due: every due tick has exactly one row, and no row is without its
 * tick. Reads nothing but the database. Returns what is wrong.
 */
export async function checkTicks(db: Database): Promise<{ ticks: number; mistakes: string[] }> {
  const cronjobs =
    await sql<Cronjob>`select id, name, deleted_at, next_due_at, panda_now() as now from cronjobs`.execute(db)
  const mistakes: string[] = []
  let ticks = 0
  for (const cronjob of cronjobs.rows) {
    const rows = await readRows(db, cronjob.id)
    ticks += rows.length
    const dues = new Set(rows.map((row) => row.due))
    if (dues.size !== rows.length) mistakes.push(`${cronjob.name}: ${rows.length - dues.size} ticks have several rows`)
    const eras = await readEras(db, cronjob.id)
    for (const [n, era] of eras.entries()) {
      const endsAt = eras[n + 1]?.from ?? cronjob.deleted_at?.getTime() ?? cronjob.now.getTime()
      mistakes.push(...checkEra(era, endsAt, rows, dues).map((mistake) => `${cronjob.name}: ${mistake}`))
    }
    if (cronjob.deleted_at && cronjob.next_due_at) mistakes.push(`${cronjob.name}: deleted, and still due`)
  }
  return { ticks, mistakes }
}

/**
 * An era ends when the next one begins, but its rows may reach further: the clock may have been set back since. So all
 * ticks from its beginning to its last row are wanted, or to its end if that is later. A tick that an earlier era has
 * recorded already counts.
 */
function checkEra(era: Era, endsAt: number, all: readonly Row[], dues: ReadonlySet<number>): string[] {
  const rows = all.filter((row) => era.revisions.has(row.revision))
  const until = rows.reduce((latest, row) => Math.max(latest, row.due), endsAt)
  const expected = new Map<number, string | null>()
  for (const tick of ticksBetween(parseSchedule(era.schedule), era.timezone, era.from, until)) {
    expected.set(tick.at, tick.note)
  }
  const name = `"${era.schedule}" ${era.timezone} from ${new Date(era.from).toISOString()}`
  const lost = [...expected.keys()].filter((at) => !dues.has(at)).map((at) => `${name}: lost ${timeOf(at)}`)
  const extra = rows.filter((row) => !expected.has(row.due)).map((row) => `${name}: never due ${timeOf(row.due)}`)
  const noted = rows
    .filter((row) => expected.has(row.due) && expected.get(row.due) !== row.note)
    .map((row) => `${name}: note of ${timeOf(row.due)} is ${row.note ?? 'missing'}`)
  return [...lost, ...extra, ...noted].slice(0, 5)
}

async function readRows(db: Database, cronjobId: string): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select revision, round(extract(epoch from due_at) * 1000)::bigint as due, tick_note as note from runs
    where cronjob_id = ${cronjobId} and trigger in ('schedule', 'catch-up')`.execute(db)
  return rows
}

async function readEras(db: Database, cronjobId: string): Promise<Era[]> {
  const revisions = await db
    .selectFrom('cronjob_revisions')
    .selectAll()
    .where('cronjob_id', '=', cronjobId)
    .orderBy('revision')
    .execute()
  const eras: Era[] = []
  for (const { revision, spec, created_at } of revisions) {
    const last = eras.at(-1)
    if (last && last.schedule === spec.schedule && last.timezone === spec.timezone) last.revisions.add(revision)
    else {
      const { schedule, timezone } = spec
      eras.push({ schedule, timezone, from: created_at.getTime(), revisions: new Set([revision]) })
    }
  }
  return eras
}

function timeOf(at: number): string {
  return new Date(at).toISOString()
}
