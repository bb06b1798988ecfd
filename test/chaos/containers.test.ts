import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { leakCheck, sharedDocker } from '../support/docker.ts'
import { pushedImage } from '../support/images.ts'
import { freshDatabase } from '../support/postgres.ts'
import { waitFor } from '../support/wait-for.ts'
import { check } from './checker.ts'
import { watchDocker } from './docker-effects.ts'
import { expectNoViolations, FULL, printFigures } from './figures.ts'
import { Fleet, killAtRandom } from './fleet.ts'
import { readHistory, settle, readInstallation } from './history.ts'
import { chooseSeed, seededRandom } from './seeded-random.ts'
import { endSchedules } from './workload.ts'

/**
 * Each cronjob starts a container every four seconds. Two idle cores start about two containers a second; here they
 * start servers beside it, so one a second is wanted of them.
 */
const SIZE = FULL ? { kills: 60, containers: 500, cronjobs: 4 } : { kills: 6, containers: 20, cronjobs: 3 }
const PERIOD_MS = 4000
const LINES = 12
const SETTLE_LIMIT_MS = 90_000

/** Runs 1.2 s. Its first line is another one at each start, so a second start of the same container shows in its log. */
function cronjob(index: number, image: string) {
  const numbers = `for i in $(seq 1 ${LINES}); do echo "line $i"; sleep 0.1; done`
  return {
    name: `container-${index}`,
    image,
    schedule: `${index % 4}-59/4 * * * * *`,
    command: ['sh', '-c', `echo "start $(cat /proc/sys/kernel/random/uuid)" >&2; ${numbers}; exit ${index}`],
    concurrency: 'allow',
    cpus: 0.5,
    memory: '32Mi',
  }
}

it(`three servers, ${SIZE.kills} SIGKILLs, ${SIZE.containers} containers: each started once, with its real exit code`, async () => {
  const seed = chooseSeed()
  console.log(`containers: PANDA_SEED=${seed}`)
  const { engine, socketPath } = await sharedDocker()
  const { reference } = await pushedImage('busybox')
  const witness = await watchDocker(engine)
  await using database = await freshDatabase()
  await using fleet = await Fleet.start({
    size: 3,
    databaseUrl: database.url,
    env: { PANDA_RUNTIME: 'docker', DOCKER_HOST: `unix://${socketPath}` },
  })
  const api = await fleet.api()
  for (let index = 0; index < SIZE.cronjobs; index++) await api.ok('POST', '/v1/cronjobs', cronjob(index, reference))

  const startedAtMs = Date.now()
  // One period more: a server that dies may take the place of a tick with it.
  const lengthMs = (SIZE.containers / SIZE.cronjobs + 1) * PERIOD_MS
  const blackouts = await killAtRandom(fleet, {
    kills: SIZE.kills,
    random: seededRandom(seed),
    pauseMs: (lengthMs / SIZE.kills) * 0.8,
    blackoutEvery: 4,
  })
  await delay(Math.max(0, lengthMs - (Date.now() - startedAtMs)))
  await endSchedules(await fleet.api())
  const settleStartedMs = Date.now()
  const settled = await settle(database.url, SETTLE_LIMIT_MS)
  const settleMs = Date.now() - settleStartedMs
  const installation = await readInstallation(database.url)
  const filters = { label: [`panda.installation=${installation}`] }
  const units = async () => engine.listContainers({ all: true, filters })
  const isClean = await waitFor(
    'every container to be removed',
    async () => (await units()).length === 0,
    SETTLE_LIMIT_MS,
  ).catch(() => false)
  const left = isClean ? [] : (await units()).map(({ Names, Status }) => `${Names[0]}: ${Status}`)
  await fleet.stop()
  witness.stop()

  const printed = Array.from({ length: LINES }, (_, index) => `line ${index + 1}`)
  const history = await readHistory(database.url)
  const verdict = check(history, witness.effects(installation, printed), { blackouts })
  printFigures('containers', {
    seed,
    kills: SIZE.kills,
    blackouts: blackouts.length,
    violations: verdict.violations.length,
    settleMs,
    containersLeft: left.length,
    ...verdict.figures,
  })
  expectNoViolations(verdict)
  expect(left, fleet.logTails()).toEqual([])
  expect(settled).toBe(true)
  await leakCheck(socketPath, installation)
  expect(fleet.servers.flatMap((server) => server.crashes)).toEqual([])
  const startLines = [...history.logLines].map(([run, lines]) => ({
    run,
    starts: lines.filter((line) => line.stream === 'stderr' && line.text.startsWith('start ')).length,
    attempts: history.attempts.filter((attempt) => attempt.runId === run && attempt.outcome !== 'lost').length,
  }))
  expect(startLines.filter(({ starts, attempts }) => starts !== attempts)).toEqual([])
  expect(verdict.figures.lostRuns).toBe(0)
  expect(verdict.figures.unitsStarted).toBeGreaterThanOrEqual(SIZE.containers)
})
