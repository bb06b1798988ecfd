import { Pool } from 'pg'
import type { EventEnvelope } from '../../../packages/sdk/src/events/envelope.ts'

export interface RawLimit {
  /** The same rows as ours: one of the log and one for each subscription and event, in one statement, which is one commit. */
  publish(events: readonly EventEnvelope[]): Promise<void>
  empty(): Promise<void>
  close(): Promise<void>
}

/** Copies of our tables with their indexes, written by plain `pg`: no matching, no counters, no wake-ups. */
export async function openRaw(url: string, subscriptions: number, connections: number): Promise<RawLimit> {
  const pool = new Pool({ connectionString: url, max: connections })
  await pool.query('create table if not exists raw_log (like panda_queue.event_log including all)')
  await pool.query('create table if not exists raw_jobs (like panda_queue.jobs including all)')
  const text = `with written as (
      insert into raw_log (n, at, time, id, body)
      select nextval('panda_queue.event_offsets'), 1, 1, id, body from unnest($1::text[], $2::text[]) e(id, body)
    )
    insert into raw_jobs (id, seq, lane, state, rank, rare, body)
    select gen_random_uuid(), 1, lane, 1, 0, false, body
    from unnest($2::text[]) body, generate_series(1, ${subscriptions}) lane`
  return {
    publish: async (events) => {
      const values = [events.map(({ id }) => id), events.map((event) => JSON.stringify(event))]
      await pool.query({ name: 'publish', text, values })
    },
    empty: async () => void (await pool.query('truncate raw_log, raw_jobs')),
    close: async () => pool.end(),
  }
}
