import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import { stateList } from '../runs/states.ts'

/** A server without a heartbeat for so long is dead, whatever its connection says: a hung network, a frozen process. */
export const LEASE_MS = 10_000
/** One whose connection is gone as well is dead after this: SIGKILL is noticed in under two seconds. */
export const CONNECTION_LEASE_MS = 1500
/** After a restart of the database nobody is judged for this long: all have lost their connection. */
export const RESTART_GRACE_MS = 5000

export interface ServerStatus {
  readonly id: string
  readonly engineId: string
  readonly runtime: string
  readonly startedAt: Date
  readonly alive: boolean
}

const age = sql`extract(epoch from panda_now() - s.heartbeat_at) * 1000`
/** A bigint advisory lock stands in pg_locks as two halves. */
const connected = sql`exists (
  select 1 from pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
    and l.database = (select oid from pg_database where datname = current_database())
    and l.classid::bigint = s.lock_key >> 32 and l.objid::bigint = s.lock_key & 4294967295
)`
/** Real time on purpose: it measures the database's process, not a due time. */
const restarted = sql`clock_timestamp() - pg_postmaster_start_time() < ${RESTART_GRACE_MS} * interval '1 millisecond'`

const servers = sql`
  select s.id, s.engine_id, s.runtime, s.started_at,
    ${restarted} or (${age} < ${LEASE_MS} and (${age} < ${CONNECTION_LEASE_MS} or ${connected})) as alive
  from servers s`

interface ServerRow {
  readonly id: string
  readonly engine_id: string
  readonly runtime: string
  readonly started_at: Date
  readonly alive: boolean
}

function toStatus(row: ServerRow): ServerStatus {
  return {
    id: row.id,
    engineId: row.engine_id,
    runtime: row.runtime,
    startedAt: row.started_at,
    alive: row.alive,
  }
}

/** All registered servers, and whether they live, by the database's clock. */
export async function listServers(db: Queryable): Promise<ServerStatus[]> {
  const { rows } = await sql<ServerRow>`${servers} order by s.started_at, s.id`.execute(db)
  return rows.map(toStatus)
}

/** What may have to be taken over, and from whom, as of one snapshot: an owner that lives is registered in it. */
export interface Owners {
  /** Ids of servers that own running runs or instances, registered or not. */
  readonly owners: readonly string[]
  readonly servers: readonly ServerStatus[]
}

/** One statement, since it is asked twice a second. Hops through the index: its cost is the owners', not the runs'. */
export async function listOwners(db: Queryable): Promise<Owners> {
  const running = stateList(['running'])
  const { rows } = await sql<{ owners: string[] } & (ServerRow | { id: null })>`
    with recursive owners as (
      (select server_id as id from runs where state in ${running} order by server_id limit 1)
      union all
      select (select r.server_id from runs r where r.state in ${running} and r.server_id > o.id order by r.server_id limit 1)
      from owners o where o.id is not null
    ), all_owners as (
      select id from owners where id is not null
      union select server_id from app_instances where state = 'running' and server_id is not null
    )
    select array(select id from all_owners order by id) as owners, listed.*
    from (values (1)) as once left join (${servers}) listed on true`.execute(db)
  return {
    owners: rows[0]?.owners ?? [],
    servers: rows.flatMap((row) => (row.id === null ? [] : [toStatus(row)])),
  }
}
