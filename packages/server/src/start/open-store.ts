import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { startEmbeddedPostgres } from '../store/embedded/embedded-postgres.ts'
import { migrate } from '../store/migrate.ts'
import { fullDisk } from './disk-room.ts'
import { StartError } from './start-error.ts'
import type { StopStack } from './stop-stack.ts'
import { databaseAddress, waitForDatabase } from './wait-for-database.ts'

export interface Store {
  readonly db: Database
  readonly url: string
  readonly kind: 'embedded' | 'external'
  /** Why it can keep nothing now, in a sentence; null = it can, as far as this machine can tell. */
  readonly trouble: () => Promise<string | null>
}

/** The database of the configuration, up and with this version's schema. */
export async function openStore(
  config: Config,
  parts: { clock: Clock; log: Log; stops: StopStack; signal: AbortSignal },
): Promise<Store> {
  const { clock, log, stops, signal } = parts
  await makeHome(config.home)
  const kind = config.databaseUrl === null ? 'embedded' : 'external'
  const url = config.databaseUrl ?? (await startEmbedded(config.home, log, stops, signal))
  const onError = (error: Error): void => log.warn({ err: error }, 'a connection to the database broke')
  const db = openDatabase(url, { poolSize: config.databasePool, onError })
  stops.push('database pool', () => db.destroy())
  const address = databaseAddress(url)
  await waitForDatabase(db, { address, clock, log, timeoutMs: config.databaseWaitMs, signal })
  const migrations = await migrate(db)
  if (migrations.length > 0) log.info(`database ${address}: schema brought to ${migrations.at(-1)}`)
  const data = join(config.home, 'postgres')
  const trouble = (): Promise<string | null> => (kind === 'embedded' ? fullDisk(data) : Promise.resolve(null))
  return { db, url, kind, trouble }
}

/** Others may pass through it as root, since PostgreSQL then runs as another user below it; its secret files are 0600. */
async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 })
  } catch (cause) {
    throw new StartError('home_unusable', `The folder ${home} cannot be made.`, {
      hint: 'Choose another one with PANDA_HOME or --home.',
      cause,
    })
  }
}

async function startEmbedded(home: string, log: Log, stops: StopStack, signal: AbortSignal): Promise<string> {
  const postgres = await startEmbeddedPostgres({
    home,
    log: (line) => log.info(line),
    onExit: (reason) => log.error(reason),
    signal,
  })
  stops.push('embedded PostgreSQL', () => postgres.stop())
  return postgres.url
}
