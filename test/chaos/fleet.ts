import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createToken } from '../../packages/server/src/auth/tokens.ts'
import { openDatabase } from '../../packages/server/src/store/database.ts'
import { Client } from '../support/api-client.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import type { Blackout } from './checker.ts'
import { pick, type Random } from './seeded-random.ts'
import { ServerProcess } from './server-process.ts'

export interface FleetOptions {
  readonly size: number
  readonly databaseUrl: string
  readonly env: Readonly<Record<string, string>>
}

/** Several servers on one database, each a process with a home of its own. */
export class Fleet implements AsyncDisposable {
  readonly servers: readonly ServerProcess[]
  readonly #databaseUrl: string
  readonly #dir: TempDir
  #token: string | undefined

  private constructor(dir: TempDir, options: FleetOptions) {
    this.#dir = dir
    this.#databaseUrl = options.databaseUrl
    this.servers = Array.from(
      { length: options.size },
      (_, index) =>
        new ServerProcess({
          home: join(dir.path, `home-${index + 1}`),
          databaseUrl: options.databaseUrl,
          env: options.env,
        }),
    )
  }

  /** Starts them all at the same moment, on an empty database too. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(await makeHomes(options.size), options)
    try {
      await Promise.all(fleet.servers.map((server) => server.start()))
      return fleet
    } catch (error) {
      await fleet[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Those that have said so since their last start. */
  get ready(): ServerProcess[] {
    return this.servers.filter((server) => server.url !== undefined)
  }

  /** Talks to a server that is ready; calls must not fall into a kill. */
  async api(): Promise<Client> {
    const server = await waitFor('a server to be ready', () => this.ready[0], 60_000)
    this.#token ??= await makeToken(this.#databaseUrl)
    return new Client(server.url ?? '', this.#token)
  }

  /** All of them by SIGTERM, in good order. */
  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()))
  }

  logTails(): string {
    return this.servers.map((server, index) => `--- server ${index + 1}\n${server.logTail()}`).join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()))
    await this.#dir.remove()
  }
}

async function makeHomes(size: number): Promise<TempDir> {
  const dir = await tempDir('fleet')
  for (let index = 1; index <= size; index++) await mkdir(join(dir.path, `home-${index}`), { mode: 0o711 })
  return dir
}

async function makeToken(databaseUrl: string): Promise<string> {
  const db = openDatabase(databaseUrl, { poolSize: 1 })
  try {
    const { text } = await createToken(db, { name: 'chaos', scopes: ['admin'], projectId: null, expiresAt: null })
    return text
  } finally {
    await db.destroy()
  }
}

export interface Nemesis {
  readonly kills: number
  readonly random: Random
  /** Between two kills, on average; the real pauses are 0.5 to 1.5 times as long. */
  readonly pauseMs: number
  /** Every so many rounds all servers die at once instead of one. 0 = never. */
  readonly blackoutEvery: number
}

/**
 * Kills servers by SIGKILL and starts each again at once. Of single kills one server stays ready, so that somebody has to
 * take over; when all die at once nobody is there, and those times are told.
 */
export async function killAtRandom(fleet: Fleet, nemesis: Nemesis): Promise<Blackout[]> {
  const { random, pauseMs, blackoutEvery } = nemesis
  const blackouts: Blackout[] = []
  const restarts: Promise<boolean>[] = []
  for (let kills = 0, round = 1; kills < nemesis.kills; round++) {
    await delay(pauseMs * (0.5 + random()))
    const all = blackoutEvery > 0 && round % blackoutEvery === 0
    const victims = all ? fleet.servers.filter((server) => server.isAlive) : [pick(random, await readyPair(fleet))]
    const fromMs = Date.now()
    await Promise.all(victims.map((victim) => victim.kill()))
    kills += victims.length
    for (const victim of victims) {
      victim.spawn()
      restarts.push(victim.ready())
    }
    if (!all) continue
    await waitFor('a server to be ready again', () => fleet.ready[0], 60_000)
    blackouts.push({ fromMs, untilMs: Date.now() })
  }
  await Promise.all(restarts)
  return blackouts
}

/** Two that are ready at least: one to die, one to live. */
async function readyPair(fleet: Fleet): Promise<readonly ServerProcess[]> {
  return waitFor('two servers to be ready', () => (fleet.ready.length >= 2 ? fleet.ready : false), 60_000)
}
