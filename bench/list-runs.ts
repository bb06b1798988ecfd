/**
 * A page of GET /v1/runs (its query, without HTTP) with 1,000 and with 1,000,000 runs stored, in the same run and on
 * the same PostgreSQL. Goal: p99 with a million within 3 × the p99 with a thousand.
 *
 *   npx tsx --conditions=source bench/list-runs.ts [postgres://… of a role that may create databases]
 *
 * Default: an embedded PostgreSQL of its own. Writes bench/results/list-runs.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { listRuns, type RunListQuery } from '../packages/server/src/runs/queries.ts'
import { type Database, openDatabase } from '../packages/server/src/store/database.ts'
import { migrate } from '../packages/server/src/store/migrate.ts'
import { startSharedPostgres } from '../test/support/shared-postgres.ts'

const FEW = 1000
const MANY = 1_000_000
/** So that a page of one cronjob is full with few runs as well. */
const RUNS_PER_CRONJOB = 50
const MAX_CRONJOBS = 1000
const WARM_UP = 100
const CALLS = 2000
const PROJECT = 'prj_bench'

interface Times {
  readonly p50Ms: number
  readonly p99Ms: number
}
type Figures = Record<string, { few: Times; many: Times }>

/** Two databases on one server, so that the calls can take turns: what else the machine does hits both alike. */
async function main(url: string): Promise<void> {
  const few = await openStage(url, 'panda_bench_few', FEW)
  const many = await openStage(url, 'panda_bench_many', MANY)
  try {
    write(await report(many.db, await measureAll(few.db, many.db)))
  } finally {
    await few.drop()
    await many.drop()
  }
}

async function openStage(url: string, name: string, size: number) {
  const admin = openDatabase(url, { poolSize: 1 })
  await sql`drop database if exists ${sql.id(name)} with (force)`.execute(admin)
  await sql`create database ${sql.id(name)}`.execute(admin)
  const own = new URL(url)
  own.pathname = `/${name}`
  const db = openDatabase(own.href, { poolSize: 1, statementTimeoutMs: 600_000 })
  await migrate(db)
  await fill(db, size)
  const drop = async (): Promise<void> => {
    await db.destroy()
    await sql`drop database ${sql.id(name)} with (force)`.execute(admin)
    await admin.destroy()
  }
  return { db, drop }
}

/** One run a second until now; of a hundred runs one has failed and one was skipped. */
async function fill(db: Database, size: number): Promise<void> {
  const cronjobs = Math.min(MAX_CRONJOBS, size / RUNS_PER_CRONJOB)
  await sql`insert into projects (id, name) values (${PROJECT}, 'default')`.execute(db)
  await sql`
    insert into cronjobs (id, project_id, name, spec, schedule, timezone, suspended, concurrency, missed, missed_limit,
      jitter_ms, max_attempts)
    select 'cj_' || lpad(n::text, 32, '0'), ${PROJECT}, 'job-' || n, '{"image": "your-org/mailer:latest"}', '0 8 * * 1',
      'Europe/Berlin', false, 'forbid', 'last', 100, 0, 1
    from generate_series(1, ${cronjobs}::int) n`.execute(db)
  await sql`insert into cronjob_revisions (cronjob_id, revision, spec) select id, 1, spec from cronjobs`.execute(db)
  await sql`
    insert into runs (id, project_id, cronjob_id, revision, trigger, state, due_at, available_at, attempt, started_at,
      finished_at, exit_code, image_digest, env_snapshot)
    select 'run_' || lpad(to_hex((extract(epoch from due) * 1000)::bigint), 12, '0') || lpad(to_hex(n), 20, '0'), ${PROJECT},
      'cj_' || lpad((n % ${cronjobs}::int + 1)::text, 32, '0'), 1, 'schedule',
      case n % 100 when 0 then 'failed' when 1 then 'skipped' else 'succeeded' end, due, due, 1,
      due + interval '30 ms', due + interval '3 s', 0, 'sha256:' || repeat('a', 64), '{"REGION": "eu"}'
    from (select n, now() - (${size}::int - n) * interval '1 s' as due from generate_series(1, ${size}::int) n) t`.execute(
    db,
  )
  await sql`vacuum analyze`.execute(db)
}

async function measureAll(few: Database, many: Database): Promise<Figures> {
  const middle = await few.selectFrom('runs').select('id').orderBy('id').offset(500).limit(1).executeTakeFirstOrThrow()
  const cursor = Buffer.from(`1:${middle.id}`).toString('base64url')
  const pages: Record<string, RunListQuery> = {
    'the newest 50': { limit: 50 },
    '50 behind a cursor': { limit: 50, cursor },
    '50 of one cronjob': { limit: 50, cronjob: 'job-7' },
    '10 that failed': { limit: 10, state: 'failed' },
    '50 since five minutes ago': { limit: 50, since: new Date(Date.now() - 300_000).toISOString() },
  }
  const figures: Figures = {}
  for (const [name, query] of Object.entries(pages)) figures[name] = await measure(few, many, query)
  return figures
}

async function measure(few: Database, many: Database, query: RunListQuery): Promise<{ few: Times; many: Times }> {
  const times = { few: [] as number[], many: [] as number[] }
  for (let index = -WARM_UP; index < CALLS; index++) {
    for (const [into, db] of [
      [times.few, few],
      [times.many, many],
    ] as const) {
      const began = performance.now()
      const { items } = await listRuns(db, PROJECT, query)
      if (items.length !== query.limit) throw new Error(`${items.length} runs in a page of ${query.limit}`)
      if (index >= 0) into.push(performance.now() - began)
    }
  }
  return { few: spreadOf(times.few), many: spreadOf(times.many) }
}

function spreadOf(times: number[]): Times {
  times.sort((a, b) => a - b)
  const at = (share: number): number => Math.round((times[Math.floor(CALLS * share)] ?? Number.NaN) * 1000) / 1000
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

async function report(db: Database, figures: Figures) {
  const { rows } = await sql<{ version: string }>`select version()`.execute(db)
  const ratio = (a: number, b: number): number => Math.round((a / b) * 100) / 100
  const ratios = Object.fromEntries(
    Object.entries(figures).map(([name, { few, many }]) => [
      name,
      { p50: ratio(many.p50Ms, few.p50Ms), p99: ratio(many.p99Ms, few.p99Ms) },
    ]),
  )
  return {
    claim: 'a page of runs costs the same with a million runs stored as with a thousand (p99 within 3 x)',
    passed: Object.values(ratios).every((each) => each.p99 <= 3),
    ratios,
    figures,
    stored: { few: FEW, many: MANY },
    callsPerFigure: CALLS,
    measuredAt: new Date().toISOString(),
    machine: {
      cpus: cpus().length,
      model: cpus()[0]?.model,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      loadAverage: loadavg().map((load) => Math.round(load * 10) / 10),
    },
    versions: { node: process.version, postgres: rows[0]?.version },
  }
}

function write(result: { readonly passed: boolean }): void {
  const file = fileURLToPath(new URL('results/list-runs.json', import.meta.url))
  mkdirSync(new URL('results/', import.meta.url), { recursive: true })
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  console.log(JSON.stringify(result, null, 2))
  if (!result.passed) process.exitCode = 1
}

const url = process.argv[2]
if (url !== undefined) await main(url)
else {
  const server = await startSharedPostgres()
  try {
    await main(server.values['url'] ?? '')
  } finally {
    await server.stop()
  }
}
