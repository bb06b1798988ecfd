import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { leakCheck, privateDocker, type PrivateDocker } from '../support/docker.ts'
import { testImage } from '../support/images.ts'
import { freshDatabase } from '../support/postgres.ts'
import { waitFor } from '../support/wait-for.ts'
import { check } from './checker.ts'
import { FULL, printFigures } from './figures.ts'
import { Fleet } from './fleet.ts'
import { type History, readHistory, readInstallation, settle } from './history.ts'
import { chooseSeed, type Random, seededRandom } from './seeded-random.ts'
import { endSchedules } from './workload.ts'

const KILLS = FULL ? 5 : 2
const LIMIT_MS = 90_000
/** One of them ends well: a success must never be a guess either. */
const EXIT_CODES = [0, 5, 6] as const

/** A tick every three seconds; some units end before, some in and some after an outage. */
function cronjob(exitCode: number, image: string) {
  const lines = `for i in $(seq 1 ${4 + exitCode}); do echo "line $i"; sleep 0.4; done`
  return {
    name: `ends-${exitCode}`,
    image,
    pull: 'never',
    schedule: '*/3 * * * * *',
    command: ['sh', '-c', `echo "start $(cat /proc/sys/kernel/random/uuid)" >&2; ${lines}; exit ${exitCode}`],
    concurrency: 'allow',
    missed: 'all',
    cpus: 0.3,
    memory: '32Mi',
  }
}

describe.each([{ liveRestore: false }, { liveRestore: true }])(
  `dockerd is killed ${KILLS} times at random times, live-restore $liveRestore`,
  ({ liveRestore }) => {
    it('every tick ends, each attempt started at most once, with its real exit code or as lost', async () => {
      const seed = chooseSeed()
      console.log(`dockerd-series: PANDA_SEED=${seed}`)
      await using docker = await privateDocker({ liveRestore })
      const image = await testImage('busybox', docker.engine)
      await using database = await freshDatabase()
      await using fleet = await Fleet.start({
        size: 1,
        databaseUrl: database.url,
        env: { PANDA_RUNTIME: 'docker', DOCKER_HOST: `unix://${docker.socketPath}` },
      })
      const api = await fleet.api()
      for (const exitCode of EXIT_CODES) await api.ok('POST', '/v1/cronjobs', cronjob(exitCode, image))
      await killInSeries(docker, seededRandom(seed))
      await endSchedules(api)
      expect(await settle(database.url, LIMIT_MS), fleet.logTails()).toBe(true)

      const history = await readHistory(database.url)
      const outcomes = outcomesOf(history)
      printFigures(`dockerd-series live-restore ${liveRestore}`, { seed, kills: KILLS, ...counted(outcomes) })
      const ofTicks = check(history, new Map()).violations.filter(({ rule }) => /^tick|not-ended/.test(rule))
      expect(ofTicks).toEqual([])
      expect(outcomes.filter(({ told, mayBe }) => !mayBe.includes(told)).map((each) => JSON.stringify(each))).toEqual(
        [],
      )
      expect(startedTwice(history)).toEqual([])
      const installation = await readInstallation(database.url)
      const filters = { label: [`panda.installation=${installation}`] }
      const isClean = async () => (await docker.engine.listContainers({ all: true, filters })).length === 0
      await waitFor('every container to be removed', isClean, LIMIT_MS)
      const crashes = fleet.servers.flatMap((server) => server.crashes)
      await fleet.stop()
      await leakCheck(docker.socketPath, installation)
      expect(crashes).toEqual([])
    })
  },
)

/** Up for 4 to 10 seconds, away for up to 4. */
async function killInSeries(docker: PrivateDocker, random: Random): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await delay(4000 + random() * 6000)
    await docker.kill()
    await delay(random() * 4000)
    await docker.restart()
  }
  await delay(4000)
}

interface Outcome {
  readonly attempt: string
  readonly told: string
  /** The sentence for people. */
  readonly message: string | null
  readonly mayBe: readonly string[]
}

function outcomesOf({ runs, revisions, attempts }: History): Outcome[] {
  const codes = new Map<string, number>()
  const cronjobs = [...new Set(revisions.map(({ cronjobId }) => cronjobId))]
  // In the order in which they were made: their ids sort so.
  for (const [index, id] of cronjobs.toSorted().entries()) codes.set(id, EXIT_CODES[index] ?? -1)
  return attempts.map(({ runId, number, outcome, exitCode, message }) => {
    const code = codes.get(runs.find(({ id }) => id === runId)?.cronjobId ?? '')
    const told = `${outcome} ${exitCode}`
    return {
      attempt: `${runId} ${number}`,
      told,
      message,
      mayBe: [code === 0 ? 'succeeded 0' : `failed ${code}`, 'lost null'],
    }
  })
}

function counted(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { told } of outcomes) counts[told] = (counts[told] ?? 0) + 1
  return counts
}

/** Its first line is another one at each start. */
function startedTwice({ logLines }: History): string[] {
  const starts = [...logLines].flatMap(([run, lines]) =>
    lines.filter(({ text }) => text.startsWith('start ')).map(({ attempt }) => `${run} ${attempt}`),
  )
  return starts.filter((start, index) => starts.indexOf(start) !== index)
}
