import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { startEmbeddedPostgres } from '../../packages/server/src/store/embedded/embedded-postgres.ts'
import type { RunningService } from './shared-services.ts'
import { tempDir } from './temp-dir.ts'

/** `TEST_DATABASE_URL` (its role must be allowed to create databases), else the embedded server in a temp folder. */
export async function startSharedPostgres(): Promise<RunningService> {
  const prefix = `panda_t_${randomBytes(4).toString('hex')}_`
  const url = process.env['TEST_DATABASE_URL']
  if (url !== undefined && url !== '') return { values: { url, prefix }, stop: async () => dropAll(url, prefix) }
  const home = await tempDir('postgres')
  try {
    const server = await startEmbeddedPostgres({ home: home.path, log: (line) => process.stderr.write(`${line}\n`) })
    const stop = async () => {
      await server.stop()
      await home.remove()
    }
    return { values: { url: server.url, prefix }, stop }
  } catch (error) {
    await home.remove()
    throw error
  }
}

/** What a test process killed in the middle has left in somebody's long-lived server. */
async function dropAll(url: string, prefix: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string }>(
      'select datname as name from pg_database where starts_with(datname, $1)',
      [prefix],
    )
    for (const { name } of rows)
      await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`)
  } finally {
    await client.end()
  }
}
