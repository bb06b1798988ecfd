import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Problem } from '@pandastack/contract'
import { expect, it } from 'vitest'
import { Client } from '../support/api-client.ts'
import { killProcessesOf } from '../support/leftovers.ts'
import { tempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import { type Blackout, check } from './checker.ts'
import { readFakeEffects } from './effects.ts'
import { expectNoViolations, FULL, printFigures } from './figures.ts'
import { readHistory, settle } from './history.ts'
import { ServerProcess } from './server-process.ts'
import { smallDisk, WHY_NO_DISK } from './small-disk.ts'
import { endSchedules, LATER } from './workload.ts'

const CRONJOBS = 10
const BEFORE_MS = 4000
/** With the longer one PostgreSQL fails to start more than a dozen times. */
const FULL_FOR_MS = FULL ? 90_000 : 15_000
const AFTER_MS = 5000
const LIMIT_MS = 60_000
const SETTLE_LIMIT_MS = 60_000

interface Readiness {
  readonly ready: boolean
  readonly reason: string | null
}

if (WHY_NO_DISK !== null) console.log(`full-disk is skipped: ${WHY_NO_DISK}`)

/** The home with the database and the server's own log lie on that disk; what the units did is written elsewhere. */
it.skipIf(WHY_NO_DISK !== null)(
  'a full disk: nothing is lost or doubled, the server says what is wrong and goes on when there is room',
  async () => {
    await using disk = await smallDisk(256)
    await using engine = await tempDir('fake-engine')
    const env = { PANDA_RUNTIME: 'fake', PANDA_FAKE_DIR: engine.path, PANDA_MAX_RUNS: '100' }
    const server = new ServerProcess({ home: disk.path, env })
    try {
      const url = await server.start()
      const api = new Client(url, (await readFile(join(disk.path, 'token'), 'utf8')).trim())
      for (let index = 0; index < CRONJOBS; index++) await api.ok('POST', '/v1/cronjobs', cronjob(index))
      await delay(BEFORE_MS)

      await disk.fill()
      const fullAtMs = Date.now()
      const told = await waitFor('the server to say that it is not ready', () => notReady(url), LIMIT_MS)
      const noticedMs = Date.now() - fullAtMs
      const accepted: string[] = []
      const refused = await waitFor('an order to be refused', () => refusal(api, accepted), LIMIT_MS)
      await delay(Math.max(0, FULL_FOR_MS - (Date.now() - fullAtMs)))
      const stillTold = await notReady(url)
      const crashesWhileFull = [...server.crashes]

      await disk.makeRoom()
      const roomAtMs = Date.now()
      await waitFor('the server to be ready again', async () => (await readiness(url)).ready, LIMIT_MS)
      const recoveredMs = Date.now() - roomAtMs
      const blackouts: Blackout[] = [{ fromMs: fullAtMs, untilMs: Date.now() }]
      for (const name of accepted) await api.ok('GET', `/v1/cronjobs/${name}`)
      await delay(AFTER_MS)
      await endSchedules(api)
      const databaseUrl = await embeddedUrl(disk.path)
      const settled = await settle(databaseUrl, SETTLE_LIMIT_MS)
      const verdict = check(await readHistory(databaseUrl), readFakeEffects(engine.path), { blackouts })
      printFigures('full-disk', {
        fullForMs: roomAtMs - fullAtMs,
        noticedMs,
        ordersAccepted: accepted.length,
        recoveredMs,
        violations: verdict.violations.length,
        ...verdict.figures,
      })
      expect(told, 'readyz').toMatch(/disk .+ full|no space left on device/i)
      expect(stillTold, 'readyz at the end').toMatch(/disk .+ full/i)
      expect(refused).toMatchObject({
        status: 503,
        code: 'database_full',
        detail: expect.stringMatching(/disk .+ full/),
      })
      expect([...crashesWhileFull, ...server.crashes], server.logTail()).toEqual([])
      expectNoViolations(verdict)
      expect(settled).toBe(true)
      expect(verdict.figures.lostRuns).toBe(0)
      await server.stop()
    } finally {
      await disk.makeRoom()
      await server.kill()
      await killProcessesOf(disk.path)
    }
  },
)

function cronjob(index: number) {
  return {
    name: `every-second-${index}`,
    image: 'fake.test/program:1',
    schedule: '* * * * * *',
    command: ['after', `${200 + index * 100}ms`, 'exit', String(index % 3), 'log', '3'],
    concurrency: 'allow',
    missed: 'all',
    keep: 1_000_000,
  }
}

async function readiness(url: string): Promise<Readiness> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(10_000) })
  const told = (await response.json()) as Readiness
  expect(response.status).toBe(told.ready ? 200 : 503)
  return told
}

/** The reason, once it is not ready. */
async function notReady(url: string): Promise<string | false> {
  const { ready, reason } = await readiness(url)
  return ready ? false : (reason ?? 'no reason')
}

/** The journal has room for some more orders than the disk: those that were accepted are noted. */
async function refusal(api: Client, accepted: string[]): Promise<Problem | false> {
  const name = `order-${accepted.length + 1}`
  const { status, body } = await api.call('POST', '/v1/cronjobs', { ...cronjob(0), name, schedule: LATER })
  if (status >= 400) return body
  accepted.push(name)
  return false
}

/** The database of a server that we have not started ourselves, by what lies in its home. */
async function embeddedUrl(home: string): Promise<string> {
  const password = (await readFile(join(home, 'postgres', 'password'), 'utf8')).trim()
  const [, , , port] = (await readFile(join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n')
  return `postgres://panda:${password}@127.0.0.1:${port?.trim()}/panda`
}
