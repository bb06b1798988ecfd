import { PandaError } from '../../errors.ts'
import type { StoreProblem } from '../../queue/driver.ts'
import type { Connections } from './connect.ts'
import type { Store } from './store.ts'

const LOSSES: Readonly<Record<string, string>> = {
  fsync: 'a crash of the machine can lose jobs and damage the database; set fsync = on',
  synchronous_commit:
    'a crash of the server can lose jobs of the last moments that were acknowledged; set synchronous_commit = on',
  full_page_writes: 'a crash of the machine can damage the database; set full_page_writes = on',
}

const OLDEST_MAJOR = 13

/** @throws PandaError read_only, unauthorized, unsupported_version, store_away */
export async function check(store: Store, signal?: AbortSignal): Promise<readonly StoreProblem[]> {
  const problems = await checkServer(store.connections, signal)
  await store.ready()
  await store.run(
    { text: 'select count(*) from {s}.queues where id < 0', doing: 'read the tables of the queue' },
    signal,
  )
  return problems
}

/** Its version, role and settings; makes and reads no table. @throws as `check` */
export async function checkServer(connections: Connections, signal?: AbortSignal): Promise<readonly StoreProblem[]> {
  const [row] = await connections.run(
    {
      text: `select current_setting('server_version_num')::int as number,
        pg_is_in_recovery() as replica, current_setting('transaction_read_only') as read_only,
        current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
        current_setting('full_page_writes') as full_page_writes, current_database() as database, current_user as role`,
      doing: 'tell its settings',
    },
    signal,
  )
  const major = Math.floor(Number(row?.['number']) / 10_000)
  if (major < OLDEST_MAJOR) {
    const database = String(row?.['database'])
    throw new PandaError('unsupported_version', `the server of database ${database} is PostgreSQL, version ${major}`)
  }
  if (row?.['replica'] === true) {
    throw new PandaError('read_only', `the database ${String(row['database'])} is a replica, which takes no jobs`)
  }
  if (row?.['read_only'] === 'on') {
    throw new PandaError(
      'read_only',
      `the database ${String(row['database'])} is read-only for the role ${String(row['role'])}`,
      {
        hint: 'Turn default_transaction_read_only off for this role and database, or connect to the primary.',
      },
    )
  }
  return Object.entries(LOSSES)
    .filter(([setting]) => row?.[setting] === 'off')
    .map(([setting, loss]) => ({ setting, message: `${setting} is off: ${loss}` }))
}
