import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FaultPoint, RUN_FAULT_POINTS } from '../../packages/server/src/fault-points.ts'
import { leakCheck, sharedDocker } from '../support/docker.ts'
import { pushedImage } from '../support/images.ts'
import { freshDatabase } from '../support/postgres.ts'
import { waitFor } from '../support/wait-for.ts'
import { check } from './checker.ts'
import { type DockerWitness, watchDocker } from './docker-effects.ts'
import { expectNoViolations, printFigures } from './figures.ts'
import { Fleet } from './fleet.ts'
import {
  countOpenEvents,
  countRuns,
  type DeliveryRecord,
  readDeliveries,
  readHistory,
  readInstallation,
  settle,
} from './history.ts'
import { type ReceivedCall, startWebhookReceiver } from './webhook-receiver.ts'
import { endSchedules } from './workload.ts'

const LINES = 25
const EXIT_CODE = 7
/** A sender that dies keeps its message for a minute. */
const ALERT_LIMIT_MS = 90_000
const SETTLE_LIMIT_MS = 45_000
/** Ticks before the schedule is taken away; the server is dead during some of them. */
const MIN_RUNS = 4

let socketPath: string
let image: string
let witness: DockerWitness

beforeAll(async () => {
  const docker = await sharedDocker()
  socketPath = docker.socketPath
  image = (await pushedImage('busybox')).reference
  witness = await watchDocker(docker.engine)
})

afterAll(() => witness.stop())

/** Writes numbered lines for 2.5 s and fails. */
const cronjob = () => ({
  name: 'numbers',
  image,
  schedule: '*/4 * * * * *',
  command: ['sh', '-c', `for i in $(seq 1 ${LINES}); do echo "line $i"; sleep 0.1; done; exit ${EXIT_CODE}`],
  concurrency: 'allow',
  cpus: 0.5,
  memory: '32Mi',
})

describe.concurrent('SIGKILL at a named point, then a restart', () => {
  // The last ones take a minute by themselves, so they begin first.
  it.each(RUN_FAULT_POINTS.toReversed())('%s', async (point) => {
    await using database = await freshDatabase()
    await using receiver = await startWebhookReceiver()
    await using fleet = await Fleet.start({
      size: 1,
      databaseUrl: database.url,
      env: {
        PANDA_RUNTIME: 'docker',
        DOCKER_HOST: `unix://${socketPath}`,
        PANDA_ALERT_ALLOW: '127.0.0.0/8',
      },
    })
    await dieAt(point, fleet, receiver.url)
    await waitFor('more ticks', async () => (await countRuns(database.url)) >= MIN_RUNS, SETTLE_LIMIT_MS)
    await endSchedules(await fleet.api())
    await settle(database.url, SETTLE_LIMIT_MS)
    await waitFor('the alerts to be sent', async () => alertsAreSent(database.url), ALERT_LIMIT_MS)

    const installation = await readInstallation(database.url)
    await waitFor('the engine to be clean', async () => isClean(installation), SETTLE_LIMIT_MS)
    await fleet.stop()
    await leakCheck(socketPath, installation)
    const printed = Array.from({ length: LINES }, (_, index) => `line ${index + 1}`)
    const history = await readHistory(database.url)
    const verdict = check(history, witness.effects(installation, printed))
    printFigures(`fault-points ${point}`, { ...verdict.figures, webhookCalls: receiver.calls.length })
    expectNoViolations(verdict)
    expect(history.runs.map(({ state, exitCode }) => [state, exitCode])).toEqual(
      history.runs.map(() => ['failed', EXIT_CODE]),
    )
    expectDelivered(await readDeliveries(database.url), receiver.calls, new Set(history.runs.map((run) => run.id)))
    if (point === 'alert-sent') expect(receiver.calls.length).toBeGreaterThan(new Set(idsOf(receiver.calls)).size)
  })
})

/** Starts the one server anew with the point armed, gives it work, waits for its death and starts it again. */
async function dieAt(point: FaultPoint, fleet: Fleet, receiverUrl: string): Promise<void> {
  const [server] = fleet.servers
  if (server === undefined) throw new Error('the fleet is empty')
  await server.stop()
  await server.start({ PANDA_FAULT_POINT: point })
  const api = await fleet.api()
  const channel = { kind: 'webhook', url: receiverUrl }
  await api.ok('POST', '/v1/alerts', { name: 'oncall', on: ['failed'], channel, groupFor: '0s' })
  await api.ok('POST', '/v1/cronjobs', cronjob())
  expect(await server.ended).toEqual({ code: null, signal: 'SIGKILL' })
  await server.start()
}

async function alertsAreSent(databaseUrl: string): Promise<boolean> {
  const deliveries = await readDeliveries(databaseUrl)
  return (await countOpenEvents(databaseUrl)) === 0 && deliveries.every(({ state }) => state === 'sent')
}

/** Containers go at once, what a dead server has left at the next look of the reconciler. */
async function isClean(installation: string): Promise<boolean> {
  const { engine } = await sharedDocker()
  const filters = { label: [`panda.installation=${installation}`] }
  return (await engine.listContainers({ all: true, filters })).length === 0
}

/** Every failure is in exactly one message, every message has come, under one id and with one content each time. */
function expectDelivered(
  deliveries: readonly DeliveryRecord[],
  calls: readonly ReceivedCall[],
  failed: ReadonlySet<string>,
): void {
  const told = deliveries.flatMap(({ runs }) => runs)
  expect(told.toSorted()).toEqual([...failed].toSorted())
  expect(new Set(idsOf(calls))).toEqual(new Set(deliveries.map(({ id }) => id)))
  for (const id of new Set(idsOf(calls))) {
    const bodies = calls.filter(({ headers }) => headers['webhook-id'] === id).map(({ body }) => body)
    expect(new Set(bodies).size).toBe(1)
  }
}

function idsOf(calls: readonly ReceivedCall[]): string[] {
  return calls.map(({ headers }) => String(headers['webhook-id']))
}
