import { Client } from 'pg'

const TABLES = ['panda_queue.jobs', 'panda_queue.counters', 'graphile_worker._private_jobs', 'raw_jobs']

/** Removes the jobs of all contenders, and what the cells before have left of tables and indexes. */
export async function emptyTables(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  for (const table of TABLES) {
    const { rows } = await client.query<{ there: boolean }>('select to_regclass($1) is not null as there', [table])
    if (rows[0]?.there) await client.query(`truncate ${table}`)
  }
  await client.query('checkpoint')
  await client.end()
}
