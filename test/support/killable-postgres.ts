import { readdir, readFile } from 'node:fs/promises'
import { Client } from 'pg'
import { startEmbeddedPostgres } from '../../packages/server/src/store/embedded/embedded-postgres.ts'
import { tempDir } from './temp-dir.ts'
import { waitFor } from './wait-for.ts'

export interface KillablePostgres extends AsyncDisposable {
  readonly url: string
  /** SIGKILL to every process of it, as when the machine loses its power. Resolves when it is back. */
  kill(): Promise<void>
}

/**
 * A PostgreSQL of the test's own that writes a commit for which nobody waits to the disk only when another one has to be
 * written. Its WAL writer, which else does so every 200 ms, stands still: whether a kill meets such a commit is no chance.
 */
export async function killablePostgres(): Promise<KillablePostgres> {
  const home = await tempDir('killable-postgres')
  const server = await startEmbeddedPostgres({ home: home.path, log: () => undefined })
  const { url } = server
  await run(url, 'alter system set wal_writer_delay = 10000', 'alter system set autovacuum = off')
  await run(url, 'alter system set checkpoint_timeout = 3600', 'select pg_reload_conf()')
  let thaw = await freezeWalWriter(url)
  const kill = async (): Promise<void> => {
    const killed = server.pid
    const children = await childrenOf(killed)
    for (const pid of [killed, ...children]) process.kill(pid, 'SIGKILL')
    // Its supervisor starts it again.
    await waitFor('PostgreSQL to be started again', () => server.pid !== killed, 60_000)
    thaw = await freezeWalWriter(url)
  }
  const dispose = async (): Promise<void> => {
    thaw()
    await server.stop()
    await home.remove()
  }
  return { url, kill, [Symbol.asyncDispose]: dispose }
}

/** In its sleep, when it holds no lock. @returns lets it go on, without which the server cannot be shut down in order */
async function freezeWalWriter(url: string): Promise<() => void> {
  const pid = await waitFor('the WAL writer to sleep', async () => {
    const [row] = await run(
      url,
      "select pid from pg_stat_activity where backend_type = 'walwriter' and wait_event = 'WalWriterMain'",
    )
    return row !== undefined && Number(row['pid'])
  })
  process.kill(pid, 'SIGSTOP')
  return () => process.kill(pid, 'SIGCONT')
}

/** @returns the rows of the last statement */
async function run(url: string, ...statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  let rows: Record<string, unknown>[] = []
  for (const statement of statements) ({ rows } = await client.query<Record<string, unknown>>(statement))
  await client.end()
  return rows
}

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(pids.map(async (pid) => ((await parentOf(pid)) === parent ? [Number(pid)] : [])))
  return found.flat()
}

async function parentOf(pid: string): Promise<number | undefined> {
  try {
    // The name in brackets may hold anything, after it come state and parent.
    return Number((await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ')[1])
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}
