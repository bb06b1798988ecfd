import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AppDetail } from '../../packages/contract/src/index.ts'
import { Client } from '../support/api-client.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import { readFakeEffects } from './effects.ts'
import { FULL, printFigures } from './figures.ts'
import { chooseSeed, seededRandom } from './seeded-random.ts'
import { ServerProcess } from './server-process.ts'

/** An app under a server that dies by SIGKILL in the middle of deploys and scale-downs, on the fake engine in a folder. */

expectNoChildProcesses()

const ROUNDS = FULL ? 60 : 8
/** A deploy takes the five seconds after which a silent instance is ready; the kill comes somewhere in it. */
const KILL_WITHIN_MS = 5500

let engine: TempDir
let home: TempDir
let database: MigratedDatabase
let server: ServerProcess

beforeAll(async () => {
  engine = await tempDir('engine')
  home = await tempDir('home')
  database = await migratedDatabase()
  const env = { PANDA_RUNTIME: 'fake', PANDA_FAKE_DIR: engine.path }
  server = new ServerProcess({ home: home.path, databaseUrl: database.url, env })
})
afterAll(async () => {
  await server.stop()
  await database[Symbol.asyncDispose]()
  await home.remove()
  await engine.remove()
})

async function start(): Promise<Client> {
  return new Client(await server.start(), (await readFile(join(home.path, 'token'), 'utf8')).trim())
}

const live = (app: AppDetail) => app.instances.filter(({ finishedAt }) => finishedAt === null)
/** What the engine has, whoever knows of it. */
const units = (): string[] => readdirSync(join(engine.path, 'units'))

function settled(api: Client, revision: number, replicas: number): Promise<AppDetail> {
  return waitFor(
    `revision ${revision} with ${replicas} instances`,
    async () => {
      const app = await api.ok<AppDetail>('GET', '/v1/apps/worker')
      const done = app.readyRevision === revision && live(app).length === replicas && app.ready === replicas
      return done && units().length === replicas ? app : undefined
    },
    90_000,
  )
}

it('comes to what is declared, whenever the server dies', async () => {
  const seed = chooseSeed()
  process.stdout.write(`apps: PANDA_SEED=${seed}\n`)
  const random = seededRandom(seed)
  const integer = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1))
  let api = await start()
  await api.ok('POST', '/v1/apps/worker/deploys', { image: 'fake.test/program:1', command: ['forever'], replicas: 3 })
  await settled(api, 1, 3)
  let revision = 1
  let worst = 0
  for (let round = 0; round < ROUNDS; round++) {
    const replicas = integer(1, 5)
    const deploys = integer(0, 2) > 0
    if (deploys) {
      await api.ok('POST', '/v1/apps/worker/deploys', { env: { ROUND: String(round) }, replicas })
      revision += 1
    } else await api.ok('POST', '/v1/apps/worker/scale', { replicas })
    await delay(integer(0, KILL_WITHIN_MS))
    await server.kill()
    api = await start()
    const restartedAt = performance.now()
    const app = await settled(api, revision, replicas)
    worst = Math.max(worst, performance.now() - restartedAt)
    expect(live(app).map((instance) => instance.revision)).toEqual(Array(replicas).fill(revision))
    expect(new Set(live(app).map(({ slot }) => slot)).size).toBe(replicas)
    expect(
      live(app).every(({ restarts }) => restarts === 0),
      'a kill of the server ends no instance',
    ).toBe(true)
  }
  const doubled = [...readFakeEffects(engine.path).values()].filter(({ starts }) => starts > 1)
  printFigures('apps', { rounds: ROUNDS, seed, doubled: doubled.length, settledWithinMs: Math.round(worst) })
  expect(doubled).toEqual([])
}, 1_200_000)
