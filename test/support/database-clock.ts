import { sql } from 'kysely'
import type { Queryable } from '../../packages/server/src/store/database.ts'

/**
 * From now on the database's `panda_now()` stands still at the given time until it is moved; due times and leases obey
 * it, statistics and `now()` do not.
 */
export async function installDatabaseClock(db: Queryable, at: Date | number): Promise<void> {
  await sql`create table test_clock (t timestamptz not null)`.execute(db)
  await sql`insert into test_clock values (${new Date(at)})`.execute(db)
  await sql`create or replace function panda_now() returns timestamptz language sql stable parallel safe
    as 'select t from test_clock'`.execute(db)
}

/** Moves the clock forward or back. */
export async function setDatabaseClock(db: Queryable, at: Date | number): Promise<void> {
  await sql`update test_clock set t = ${new Date(at)}`.execute(db)
}
