import { sql } from 'kysely'
import { type Database } from '../store/database.ts'
import { hasSqlState } from '../store/database-errors.ts'
import { scramVerifier } from './scram.ts'

/** Connections of one project at a time. */
export const CONNECTIONS_PER_PROJECT = 100

export interface Account {
  /** Of the role and of the database alike. */
  readonly role: string
  readonly password: string
}

/**
 * Takes from everybody the right to connect that PostgreSQL gives to everybody, on each database: a role connects to
 * what it owns and to nothing else.
 */
export async function closeToPublic(db: Database): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select datname as name from pg_database where has_database_privilege('public', oid, 'connect')`.execute(db)
  for (const { name } of rows) await sql`revoke all on database ${sql.id(name)} from public`.execute(db)
}

/**
 * Brings role and database to what they must be, from whatever an earlier call that was cut short has left. PostgreSQL
 * cannot make a database in a transaction: until it is closed to others it takes no connections at all.
 */
export async function makeDatabase(db: Database, { role, password }: Account): Promise<void> {
  await closeToPublic(db)
  const id = sql.id(role)
  await unlessThere(sql`create role ${id} nologin`.execute(db), '42710')
  await sql`alter role ${id} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
    connection limit ${sql.lit(CONNECTIONS_PER_PROJECT)} password ${sql.lit(scramVerifier(password))}`.execute(db)
  // From template0, which nobody can be connected to: with a connection to it, a template cannot be copied.
  const create = sql`create database ${id} owner ${id} template template0 allow_connections false`.execute(db)
  await unlessThere(create, '42P04')
  await sql`revoke all on database ${id} from public`.execute(db)
  await sql`alter database ${id} with allow_connections true`.execute(db)
}

/** Ends its connections too. What is gone already is no error. */
export async function dropDatabase(db: Database, role: string): Promise<void> {
  await sql`drop database if exists ${sql.id(role)} with (force)`.execute(db)
  await sql`drop role if exists ${sql.id(role)}`.execute(db)
}

async function unlessThere(made: Promise<unknown>, duplicate: string): Promise<void> {
  try {
    await made
  } catch (error) {
    if (!hasSqlState(error, duplicate)) throw error
  }
}
