import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startEmbeddedPostgres } from '../../packages/server/src/store/embedded/embedded-postgres.ts'
import type { Client } from '../support/api-client.ts'
import { tempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import { type Blackout, check } from './checker.ts'
import { readFakeEffects } from './effects.ts'
import { expectNoViolations, FULL, printFigures } from './figures.ts'
import { Fleet } from './fleet.ts'
import { readHistory, settle } from './history.ts'
import { endSchedules } from './workload.ts'

const KILLS = FULL ? 20 : 3
const BETWEEN_KILLS_MS = 5000
const CRONJOBS = 20
const RECOVERY_LIMIT_MS = 30_000
const SETTLE_LIMIT_MS = 60_000

it(`PostgreSQL is killed ${KILLS} times under load: the servers recover by themselves, nothing is lost`, async () => {
  await using home = await tempDir('chaos-postgres')
  await using engine = await tempDir('fake-engine')
  const said: string[] = []
  const postgres = await startEmbeddedPostgres({ home: home.path, log: (line) => said.push(line) })
  try {
    await using fleet = await Fleet.start({
      size: 3,
      databaseUrl: postgres.url,
      env: { PANDA_RUNTIME: 'fake', PANDA_FAKE_DIR: engine.path, PANDA_MAX_RUNS: '200' },
    })
    const api = await fleet.api()
    for (let index = 0; index < CRONJOBS; index++) await create(api, index)
    const blackouts: Blackout[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      await delay(BETWEEN_KILLS_MS)
      blackouts.push(await killPostgres(postgres, api))
    }
    await delay(BETWEEN_KILLS_MS)
    await endSchedules(await fleet.api())
    await settle(postgres.url, SETTLE_LIMIT_MS)
    const crashes = fleet.servers.flatMap((server) => server.crashes)
    await fleet.stop()
    const verdict = check(await readHistory(postgres.url), readFakeEffects(engine.path), { blackouts })
    const recoveryMaxMs = Math.max(...blackouts.map(({ fromMs, untilMs }) => untilMs - fromMs))
    printFigures('database-killed', {
      kills: KILLS,
      recoveryMaxMs,
      violations: verdict.violations.length,
      ...verdict.figures,
    })
    expectNoViolations(verdict)
    expect(crashes, fleet.logTails()).toEqual([])
    expect(verdict.figures.lostRuns).toBe(0)
  } finally {
    await postgres.stop()
  }
})

async function create(api: Client, index: number): Promise<void> {
  const waitsInLine = index % 4 === 3
  await api.ok('POST', '/v1/cronjobs', {
    name: `every-second-${index}`,
    image: 'fake.test/program:1',
    schedule: '* * * * * *',
    command: ['after', `${waitsInLine ? 300 : 300 + (index % 5) * 300}ms`, 'exit', String(index % 4), 'log', '4'],
    concurrency: waitsInLine ? 'queue' : 'allow',
    keep: 1_000_000,
  })
}

/** Kills the postmaster; its supervisor starts it again. Over when a server can write again. */
async function killPostgres(postgres: { readonly pid: number }, api: Client): Promise<Blackout> {
  const { pid } = postgres
  const fromMs = Date.now()
  process.kill(pid, 'SIGKILL')
  await waitFor('PostgreSQL to be started again', () => postgres.pid !== pid, RECOVERY_LIMIT_MS)
  await waitFor(
    'the server to be ready again',
    async () => (await api.fetch('GET', '/readyz')).status === 200,
    RECOVERY_LIMIT_MS,
  )
  // What was due while it was away has its row a moment later.
  return { fromMs: fromMs - 1000, untilMs: Date.now() + 1000 }
}
