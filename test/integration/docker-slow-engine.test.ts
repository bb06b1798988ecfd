import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DockerDriver } from '../../packages/server/src/runtime/docker/docker-driver.ts'
import { unitName } from '../../packages/server/src/runtime/driver.ts'
import { watchDocker } from '../chaos/docker-effects.ts'
import { privateDocker, type PrivateDocker } from '../support/docker.ts'
import { engineProxy, type EngineProxy, type Fate } from '../support/engine-proxy.ts'
import { testImage } from '../support/images.ts'
import { RunsWorld } from '../support/runs-world.ts'
import { waitFor } from '../support/wait-for.ts'

const LIMIT_MS = 60_000
const NAME = '/containers/[^/]+'
/**
 * Calls of one attempt whose answer gets lost after the engine has done what was asked, and how often that can be: what
 * was started or removed is found so and not asked for again.
 */
const CALLS = [
  ['the network', /^POST \/networks\/create$/, 2],
  ['the look at the image', /^GET \/images\//, 2],
  ['create', /^POST \/containers\/create$/, 2],
  ['start', new RegExp(`^POST ${NAME}/start$`), 1],
  ['inspect', new RegExp(`^GET ${NAME}/json$`), 2],
  ['wait', new RegExp(`^POST ${NAME}/wait$`), 2],
  ['logs', new RegExp(`^GET ${NAME}/logs$`), 2],
  ['remove', new RegExp(`^DELETE ${NAME}$`), 1],
] as const

let docker: PrivateDocker
let proxy: EngineProxy
let image: string

beforeAll(async () => {
  docker = await privateDocker()
  proxy = await engineProxy(docker.socketPath)
  image = await testImage('busybox', docker.engine)
})

afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await docker?.stop()
})

function driverBehindProxy(): DockerDriver {
  return new DockerDriver({ endpoint: { kind: 'unix', path: proxy.socketPath } })
}

function harm(call: RegExp, times: number, fate: Fate): void {
  let left = times
  proxy.fate = (asked) => (call.test(asked) && left-- > 0 ? fate : 'pass')
}

/** A run of a shell script. */
async function queued(world: RunsWorld, script: string): Promise<string> {
  const cronjob = await world.cronjob('', { image, pull: 'never', command: ['sh', '-c', script], cpus: 0.5 })
  return world.queue(cronjob)
}

async function ended(world: RunsWorld, id: string) {
  const isOver = async () => ((await world.run(id)).finished_at === null ? false : world.run(id))
  return waitFor(`${id} to end`, isOver, LIMIT_MS)
}

async function started(world: RunsWorld, id: string) {
  return waitFor(`${id} to run`, async () => (await world.run(id)).attempt_started_at !== null, LIMIT_MS)
}

describe('an engine that is slow, or whose answers get lost', () => {
  it.each(CALLS)('no answer to %s: the real exit code, one start, nothing left', async (_what, call, times) => {
    await using world = await RunsWorld.open()
    const witness = await watchDocker(docker.engine)
    harm(call, times, 'lose')
    const before = proxy.harmed.length
    await world.server({ driver: driverBehindProxy() })
    const id = await queued(world, 'echo hello; sleep 1; exit 7')
    const run = await ended(world, id)
    expect(run).toMatchObject({ state: 'failed', reason: 'exit-code', exit_code: 7, attempt: 1 })
    await waitFor('the container to be removed', async () => (await containers()).length === 0, LIMIT_MS)
    expect(proxy.harmed.length - before).toBe(times)
    const unit = witness.effects('test', []).get(unitName(id, 1))
    witness.stop()
    expect(unit).toMatchObject({ starts: 1, exitCode: 7 })
  })

  it('an answer to the start that comes after the end of the container', async () => {
    await using world = await RunsWorld.open()
    const witness = await watchDocker(docker.engine)
    harm(/\/start$/, 1, 'hold')
    await world.server({ driver: driverBehindProxy() })
    const id = await queued(world, 'exit 7')
    const exited = async () => (await containers()).some(({ State }) => State === 'exited')
    await waitFor('the container to end', exited, LIMIT_MS)
    expect((await world.run(id)).state).toBe('running')
    proxy.release()
    expect(await ended(world, id)).toMatchObject({ state: 'failed', exit_code: 7 })
    expect(witness.effects('test', []).get(unitName(id, 1))).toMatchObject({ starts: 1, exitCode: 7 })
    witness.stop()
  })

  it('no address left in the network of the project: the run waits for one and then runs', async () => {
    await using world = await RunsWorld.open()
    const driver = driverBehindProxy()
    await world.server({ driver, maxRuns: 40 })
    proxy.fate = () => 'pass'
    // The engine of the tests gives each network 13 addresses for containers.
    const first: string[] = []
    for (let n = 0; n < 13; n++) first.push(await queued(world, 'while [ ! -e /tmp/go ]; do sleep 0.2; done; exit 0'))
    await Promise.all(first.map((id) => started(world, id)))
    const late = await queued(world, 'exit 7')
    const told = async () => ((await world.run(late)).message?.includes('address') ? world.run(late) : false)
    expect(await waitFor('the last run to wait', told, LIMIT_MS)).toMatchObject({ reason: 'engine-away' })
    await Promise.all(first.slice(0, 6).map((id) => driver.stop(unitName(id, 1), 0)))
    expect(await ended(world, late)).toMatchObject({ state: 'failed', exit_code: 7 })
    await Promise.all(first.slice(6).map((id) => driver.stop(unitName(id, 1), 0)))
    await Promise.all(first.map((id) => ended(world, id)))
  })
})

async function containers() {
  return docker.engine.listContainers({ all: true })
}
