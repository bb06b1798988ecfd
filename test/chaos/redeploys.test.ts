import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Client } from '../support/api-client.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshVhost } from '../support/rabbitmq.ts'
import { startRedisServer } from '../support/redis.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'
import { printFigures } from './figures.ts'
import { redeployUnderLoad, type RedeployPlan } from './redeploy-under-load.ts'
import { ServerProcess } from './server-process.ts'

/** A worker is deployed again and again while jobs come in; bench/apps/redeploys.ts does the same a hundred times. */

expectNoChildProcesses()

const REDEPLOYS = 3
const PER_SECOND = 200
/** Beside the time in which nothing was added either, since the machine stood still. */
const GAP_LIMIT_MS = 1000

let home: TempDir
let database: MigratedDatabase
let server: ServerProcess
let api: Client

beforeAll(async () => {
  home = await tempDir('home')
  database = await migratedDatabase()
  const env = { PANDA_RUNTIME: 'process', DOCKER_HOST: 'unix:///nowhere/docker.sock' }
  server = new ServerProcess({ home: home.path, databaseUrl: database.url, env })
  api = new Client(await server.start(), (await readFile(join(home.path, 'token'), 'utf8')).trim())
})
afterAll(async () => {
  await server.stop()
  await database[Symbol.asyncDispose]()
  await home.remove()
})

async function redeploy(store: RedeployPlan['store'], url: string): Promise<void> {
  await using folder = await tempDir('redeploys')
  const sizes = { redeploys: REDEPLOYS, perSecond: PER_SECOND, replicas: 2 }
  const report = await redeployUnderLoad(api, { store, url, folder: folder.path, ...sizes })
  const { lost, doubled, deployMs, ...figures } = report
  printFigures(`redeploys on ${store}`, {
    ...figures,
    lost: lost.length,
    doubled: doubled.length,
    slowestMs: Math.max(...deployMs),
  })
  expect(report.acknowledged).toBeGreaterThan(PER_SECOND)
  expect({ lost, doubled, killed: report.killed }).toEqual({ lost: [], doubled: [], killed: 0 })
  expect(report.instances).toBeGreaterThanOrEqual(2 * REDEPLOYS)
  expect(report.longestGapMs).toBeLessThan(GAP_LIMIT_MS + report.longestPauseMs)
}

it('loses and doubles nothing on Redis', async () => {
  await using redis = await startRedisServer()
  await redeploy('redis', redis.url)
})

it('loses and doubles nothing on PostgreSQL', async () => {
  await using own = await freshDatabase()
  await redeploy('postgres', own.url)
})

it('loses and doubles no event on RabbitMQ', async () => {
  await using vhost = await freshVhost()
  await redeploy('events', vhost.url)
})
