import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cronjobSpecSchema } from '@pandastack/contract'
import { sql } from 'kysely'
import { type Database, openDatabase } from '../../packages/server/dist/store/database.js'
import { startEmbeddedPostgres } from '../../packages/server/dist/store/embedded/embedded-postgres.js'
import { migrate } from '../../packages/server/dist/store/migrate.js'
import { specColumns } from '../../packages/server/dist/cronjobs/spec-columns.js'

export interface Stage extends AsyncDisposable {
  readonly db: Database
  readonly url: string
  /** PANDA_HOME of the servers on it. */
  readonly home: string
  /** Of the postmaster; its children do the work. */
  readonly pid: number
}

/** The embedded PostgreSQL as the server starts it, default fsync, in a folder of its own. */
export async function openStage(): Promise<Stage> {
  const home = await mkdtemp(join(tmpdir(), 'panda-lateness-'))
  // Root's PostgreSQL runs as another user, who has to get in.
  await chmod(home, 0o711)
  const postgres = await startEmbeddedPostgres({ home, log: (line) => console.error(line) })
  const db = openDatabase(postgres.url)
  await migrate(db)
  await sql`insert into projects (id, name) values ('prj_bench', 'default') on conflict do nothing`.execute(db)
  return {
    db,
    url: postgres.url,
    home,
    pid: postgres.pid,
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await postgres.stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Offsets in whole hours in June to November, so that a local hour can be told from the UTC one. */
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo', 'Australia/Brisbane'] as const

export interface Seed {
  readonly count: number
  /** When the first ones are due, a whole second. */
  readonly dueAt: Date
  /** They are due over so many seconds, evenly. */
  readonly spreadSeconds: number
  /** So many more in each of the five seconds before, not counted: a server that has fired before, not a cold one. */
  readonly warmUpPerSecond?: number
}

/**
 * Makes cronjobs that are each due once and then in an hour or a day: half of them at a fixed local time (the path of
 * the clock changes), in five zones, with an ordinary spec.
 */
export async function seedCronjobs(
  db: Database,
  { count, dueAt, spreadSeconds, warmUpPerSecond = 0 }: Seed,
): Promise<void> {
  await sql`truncate runs, attempts, run_logs, log_chunks, cronjobs, cronjob_revisions`.execute(db)
  const dues = [
    ...Array.from({ length: count }, (_, n) => dueAt.getTime() + (n % spreadSeconds) * 1000),
    ...Array.from({ length: warmUpPerSecond * 5 }, (_, n) => dueAt.getTime() - (2 + (n % 5)) * 1000),
  ]
  const spec = cronjobSpecSchema.parse({
    image: 'registry.example.com/team/mailer:2026-06-01',
    schedule: '0 * * * *',
    command: ['exit', '0'],
    env: { LOG_LEVEL: 'info', REGION: 'eu-central-1', BATCH_SIZE: '500' },
  })
  const columns = specColumns(spec)
  for (let from = 0; from < dues.length; from += 10_000) {
    const rows = dues.slice(from, from + 10_000).map((due, i) => rowOf(from + i, new Date(due)))
    await sql`
      insert into cronjobs (id, project_id, name, spec, schedule, timezone, suspended, concurrency, missed, missed_limit,
        deadline_ms, jitter_ms, max_attempts, next_due_at)
      select u.id, 'prj_bench', u.name, ${columns.spec}::jsonb || jsonb_build_object('schedule', u.schedule, 'timezone',
        u.timezone), u.schedule, u.timezone, false, ${columns.concurrency}, ${columns.missed}, ${columns.missed_limit},
        null, 0, 1, to_timestamp(u.due)
      from unnest(${rows.map((row) => row.id)}::text[], ${rows.map((row) => row.name)}::text[],
        ${rows.map((row) => row.schedule)}::text[], ${rows.map((row) => row.timezone)}::text[],
        ${rows.map((row) => row.due)}::float8[]) as u (id, name, schedule, timezone, due)`.execute(db)
  }
  await sql`insert into cronjob_revisions (cronjob_id, revision, spec) select id, 1, spec from cronjobs`.execute(db)
  // One run of each is history: a table that was analyzed empty would give the planner strange ideas.
  await sql`
    insert into runs (id, project_id, cronjob_id, revision, trigger, state, due_at, available_at, attempt, server_id,
      engine_id, fence, attempt_started_at, started_at, finished_at, exit_code)
    select 'run_018d' || substr(id, 8), project_id, id, 1, 'schedule', 'succeeded', t, t, 1, 'srv_bench', 'engine_bench', 1,
      t, t, t, 0
    from (select id, project_id, next_due_at - interval '1 day' as t from cronjobs) c`.execute(db)
  await sql`vacuum analyze cronjobs, cronjob_revisions, runs`.execute(db)
  // What seeding has written must not be paid for by the ticks.
  await sql`checkpoint`.execute(db)
}

/** A formatter costs some 50 kB, more than all else of a cronjob. */
const hours = new Map(
  ZONES.map((timeZone) => [timeZone, new Intl.DateTimeFormat('en', { timeZone, hour: 'numeric', hourCycle: 'h23' })]),
)

function rowOf(n: number, due: Date) {
  const timezone = ZONES[n % ZONES.length] ?? 'UTC'
  const hour = Number(hours.get(timezone)?.format(due))
  const clock = `${due.getUTCSeconds()} ${due.getUTCMinutes()}`
  const schedule = n % 2 === 0 ? `${clock} ${hour} * * *` : `${clock} * * * *`
  // As ids are made in the server: in time order, with a random tail.
  const tail = Math.random().toString(16).slice(2).padEnd(19, '0').slice(0, 19)
  return {
    id: `cj_019d${n.toString(16).padStart(8, '0')}7${tail}`,
    name: `job-${n}`,
    schedule,
    timezone,
    due: due.getTime() / 1000,
  }
}
