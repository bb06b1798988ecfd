/**
 * A page of GET /v1/runs (its query, without HTTP) with 1,000 and with 1,000,000 runs stored, in the same run and on
 * the same PostgreSQL. Goal: p99 with a million within 3 × the p99 with a thousand.
 *
 *   npx tsx --conditions=source bench/list-runs.ts [postgres://…/an-empty-database-for-this]
 *
 * Default: an embedded PostgreSQL of its own. *
 * Writes bench/results/list-runs.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { listRuns, type RunListQuery } from '../packages/server/src/runs/queries.ts'
import { type Database, openDatabase } from '../packages/server/src/store/database.ts'
import { migrate } from '../packages/server/src/store/migrate.ts'
import { startSharedPostgres } from '../test/support/shared-postgres.ts'

const CRONJOBS = 1000
const SIZES = [1000, 1_000_000]
const WARM_UP = 100
const CALLS = 2000
const PROJECT = 'prj_bench'

type Times = { p50Ms: number; p99Ms: number }

async function main(url: string): Promise<void> {
  const db = openDatabase(url, { poolSize: 2, statementTimeoutMs: 600_000 })
  try {
    await migrate(db)
    await prepare(db)
    const measured: Record<string, Record<string, Times>> = {}
    for (const size of SIZES) {
      await fill(db, size)
      measured[String(size)] = await measureAll(db)
    }
    write(await report(db, measured))
  } finally {
    await db.destroy()
  }
}

async function prepare(db: Database): Promise<void> {
  await sql`truncate projects, cronjobs, cronjob_revisions, runs, attempts cascade`.execute(db)
  await sql`insert into projects (id, name) values (${PROJECT}, 'default')`.execute(db)
  await sql`
    insert into cronjobs (id, project_id, name, spec, schedule, timezone, suspended, concurrency, missed, missed_limit,
      jitter_ms, max_attempts)
    select 'cj_' || lpad(n::text, 32, '0'), ${PROJECT}, 'job-' || n, '{"image": "your-org/mailer:latest"}', '0 8 * * 1',
      'Europe/Berlin', false, 'forbid', 'last', 100, 0, 1
    from generate_series(1, ${CRONJOBS}::int) n`.execute(db)
  await sql`insert into cronjob_revisions (cronjob_id, revision, spec) select id, 1, spec from cronjobs`.execute(db)
}

/** One run a second until now; of a hundred runs one has failed and one was skipped. */
async function fill(db: Database, size: number): Promise<void> {
  await sql`truncate runs`.execute(db)
  await sql`
    insert into runs (id, project_id, cronjob_id, revision, trigger, state, due_at, available_at, attempt, started_at,
      finished_at, exit_code, image_digest, env_snapshot)
    select 'run_' || lpad(to_hex((extract(epoch from due) * 1000)::bigint), 12, '0') || lpad(to_hex(n), 20, '0'), ${PROJECT},
      'cj_' || lpad((n % ${CRONJOBS}::int + 1)::text, 32, '0'), 1, 'schedule',
      case n % 100 when 0 then 'failed' when 1 then 'skipped' else 'succeeded' end, due, due, 1,
      due + interval '30 ms', due + interval '3 s', 0, 'sha256:' || repeat('a', 64), '{"REGION": "eu"}'
    from (select n, now() - (${size}::int - n) * interval '1 s' as due from generate_series(1, ${size}::int) n) t`.execute(
    db,
  )
  await sql`vacuum analyze runs`.execute(db)
}

async function measureAll(db: Database): Promise<Record<string, Times>> {
  const middle = await db.selectFrom('runs').select('id').orderBy('id').offset(500).limit(1).executeTakeFirstOrThrow()
  const cursor = Buffer.from(`1:${middle.id}`).toString('base64url')
  const pages: Record<string, RunListQuery> = {
    newest: { limit: 50 },
    'from a cursor far back': { limit: 50, cursor },
    'of one cronjob': { limit: 50, cronjob: 'job-7' },
    failed: { limit: 50, state: 'failed' },
    'since a minute ago': { limit: 50, since: new Date(Date.now() - 60_000).toISOString() },
  }
  const times: Record<string, Times> = {}
  for (const [name, query] of Object.entries(pages)) times[name] = await measure(() => listRuns(db, PROJECT, query))
  return times
}

async function measure(call: () => Promise<unknown>): Promise<Times> {
  for (let index = 0; index < WARM_UP; index++) await call()
  const times: number[] = []
  for (let index = 0; index < CALLS; index++) {
    const began = performance.now()
    await call()
    times.push(performance.now() - began)
  }
  times.sort((a, b) => a - b)
  const at = (share: number): number => Math.round((times[Math.floor(CALLS * share)] ?? Number.NaN) * 1000) / 1000
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

async function report(db: Database, measured: Record<string, Record<string, Times>>) {
  const { rows } = await sql<{ version: string }>`select version()`.execute(db)
  const [few, many] = SIZES.map((size) => measured[String(size)] ?? {})
  const ratios = Object.fromEntries(
    Object.keys(few ?? {}).map((name) => {
      const ratio = (key: keyof Times) =>
        Math.round(((many?.[name]?.[key] ?? 0) / (few?.[name]?.[key] ?? 1)) * 100) / 100
      return [name, { p50: ratio('p50Ms'), p99: ratio('p99Ms') }]
    }),
  )
  return {
    claim: 'a page of runs costs the same with a million runs stored as with a thousand (p99 within 3 ×)',
    passed: Object.values(ratios).every((ratio) => ratio.p99 <= 3),
    ratios,
    runsStored: measured,
    callsPerFigure: CALLS,
    cronjobs: CRONJOBS,
    measuredAt: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, memoryGiB: Math.round(totalmem() / 2 ** 30) },
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
