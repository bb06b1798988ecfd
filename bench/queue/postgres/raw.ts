/** The raw limit: the same work in the fewest statements, with nothing around it. */
import { randomUUID } from 'node:crypto'
import { Pool } from 'pg'
import { BODY } from '../common/payload.ts'

const CREATE = `create table raw_jobs (
    id uuid primary key, queue text not null default 'q', state int2 not null default 0, priority int2 not null default 0,
    run_at timestamptz not null default now(), attempts int4 not null default 0, max_attempts int4 not null default 1,
    lease_until timestamptz, token uuid, group_key text, dedupe_key text, created_at timestamptz not null default now(), body text not null);
  create index raw_ready on raw_jobs (queue, priority, run_at, id) where state = 0;
  create index raw_lease on raw_jobs (lease_until) where state = 1;
  create unique index raw_dedupe on raw_jobs (queue, dedupe_key) where dedupe_key is not null`
const INSERT = 'insert into raw_jobs (id, body) select * from unnest($1::uuid[], $2::text[])'
const WORK = `with done as (delete from raw_jobs j using unnest($1::uuid[]) d(id) where j.id = d.id and j.token = $2),
  next as materialized (select id from raw_jobs where queue = 'q' and state = 0 and run_at <= now()
    order by priority, run_at, id limit $3 for update skip locked)
  update raw_jobs j set state = 1, attempts = attempts + 1, token = $2, lease_until = now() + interval '30 s' from next where j.id = next.id
  returning j.id, j.body, j.attempts`

export interface Raw {
  insert(size: number, lanes: number, total: number): Promise<number>
  work(batch: number, lanes: number): Promise<number>
  close(): Promise<void>
}

export async function openRaw(url: string): Promise<Raw> {
  const pool = new Pool({ connectionString: url, max: 4 })
  await pool.query(CREATE)
  return {
    async insert(size, lanes, total) {
      const startedAt = performance.now()
      let left = total
      const lane = async (): Promise<void> => {
        while (left > 0) {
          left -= size
          const ids = Array.from({ length: size }, () => randomUUID())
          await pool.query({ name: 'raw_insert', text: INSERT, values: [ids, ids.map(() => BODY)] })
        }
      }
      await Promise.all(Array.from({ length: lanes }, lane))
      return (total / (performance.now() - startedAt)) * 1000
    },
    async work(batch, lanes) {
      await pool.query('vacuum analyze raw_jobs')
      const token = randomUUID()
      let done = 0
      const startedAt = performance.now()
      const lane = async (): Promise<void> => {
        let held: string[] = []
        for (;;) {
          const { rows } = await pool.query<{ id: string }>({
            name: 'raw_work',
            text: WORK,
            values: [held, token, batch],
          })
          done += held.length
          held = rows.map(({ id }) => id)
          if (held.length === 0) return
        }
      }
      await Promise.all(Array.from({ length: lanes }, lane))
      return (done / (performance.now() - startedAt)) * 1000
    },
    close: async () => pool.end(),
  }
}
