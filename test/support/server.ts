import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Scope } from '../../packages/contract/src/names.ts'
import { createToken } from '../../packages/server/src/auth/tokens.ts'
import type { Clock } from '../../packages/server/src/clock.ts'
import { type Config, readConfig } from '../../packages/server/src/config.ts'
import { createLog } from '../../packages/server/src/log.ts'
import { type RunningServer, startServer } from '../../packages/server/src/main.ts'
import { type Database, openDatabase } from '../../packages/server/src/store/database.ts'
import { Client } from './api-client.ts'
import { migratedDatabase } from './migrated-database.ts'
import { tempDir } from './temp-dir.ts'

export interface TestServerOptions {
  /** Whatever `readConfig` gives; the port is free and the runtime is `fake` unless said otherwise. */
  readonly config?: Partial<Config>
  /** Share one database between servers; default: a fresh one that goes with the server. */
  readonly databaseUrl?: string
  readonly clock?: Clock
}

export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly home: string
  readonly databaseUrl: string
  /** For looking at what was stored. */
  readonly db: Database
  /** Calls with the first, all-powerful token. */
  readonly api: Client
  readonly token: string
  /** Everything that the server has logged so far, as JSON lines. */
  logText(): string
  /** A client with a token of its own. @param project name; null = every project */
  clientWith(scopes: readonly Scope[], project?: string | null): Promise<Client>
  /** Graceful; the database stays until dispose. */
  stop(): Promise<void>
  /** Done at dispose, before all else. */
  later(cleanUp: () => Promise<void>): void
}

/** Servers that share a database must share the key that seals its secrets. */
export function testSecretKey(databaseUrl: string): string {
  return createHash('sha256').update(databaseUrl).digest('base64')
}

/** A real server in this process: real PostgreSQL, listening socket, fake runtime. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const cleanups: (() => Promise<void>)[] = []
  const dispose = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  }
  try {
    const home = await tempDir('home')
    cleanups.push(() => home.remove())
    const databaseUrl = options.databaseUrl ?? (await ownDatabase(cleanups))
    const db = openDatabase(databaseUrl, { poolSize: 3 })
    cleanups.push(() => db.destroy())
    const config = readConfig(
      {
        home: home.path,
        port: 0,
        databaseUrl,
        runtime: 'fake',
        rateLimit: 0,
        checkAnswers: true,
        secretKey: testSecretKey(databaseUrl),
        ...options.config,
      },
      {},
    )
    const lines: string[] = []
    const log = createLog({ logLevel: 'debug', logFormat: 'json' }, { write: (line: string) => lines.push(line) })
    const server = await startServer(config, { log, ...(options.clock && { clock: options.clock }) })
    cleanups.push(() => server.stop())
    return {
      ...(await facts(server, home.path, db)),
      databaseUrl,
      logText: () => lines.join(''),
      later: (cleanUp) => void cleanups.push(cleanUp),
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function ownDatabase(cleanups: (() => Promise<void>)[]): Promise<string> {
  const database = await migratedDatabase()
  cleanups.push(async () => database[Symbol.asyncDispose]())
  return database.url
}

async function facts(server: RunningServer, home: string, db: Database) {
  const token = await tokenOf(home, db)
  return {
    url: server.url,
    home,
    db,
    token,
    api: new Client(server.url, token),
    stop: (): Promise<void> => server.stop(),
    clientWith: async (scopes: readonly Scope[], project: string | null = null) => {
      const found =
        project === null
          ? null
          : await db.selectFrom('projects').select('id').where('name', '=', project).executeTakeFirstOrThrow()
      const { text } = await createToken(db, { name: 'test', scopes, projectId: found?.id ?? null, expiresAt: null })
      return new Client(server.url, text)
    },
  }
}

/** The second server on a database writes no token: it gets one of its own here. */
async function tokenOf(home: string, db: Database): Promise<string> {
  try {
    return (await readFile(join(home, 'token'), 'utf8')).trim()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    const { text } = await createToken(db, { name: 'test', scopes: ['admin'], projectId: null, expiresAt: null })
    return text
  }
}
