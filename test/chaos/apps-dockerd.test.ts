import { describe, expect, it } from 'vitest'
import type { AppDetail, Status } from '../../packages/contract/src/index.ts'
import type { Client } from '../support/api-client.ts'
import { leakCheck, privateDocker } from '../support/docker.ts'
import { testImage } from '../support/images.ts'
import { freshDatabase } from '../support/postgres.ts'
import { waitFor } from '../support/wait-for.ts'
import { FULL, printFigures } from './figures.ts'
import { Fleet } from './fleet.ts'
import { readInstallation } from './history.ts'

/** The engine is killed under apps that run, and started again. */

const LIMIT_MS = 90_000

const get = (api: Client) => api.ok<AppDetail>('GET', '/v1/apps/worker')
const live = (app: AppDetail) => app.instances.filter(({ finishedAt }) => finishedAt === null)

function ready(api: Client, replicas: number): Promise<AppDetail> {
  return waitFor(
    `${replicas} instances`,
    async () => {
      const app = await get(api)
      const running = live(app).filter(({ phase }) => phase === 'running').length
      return app.ready === replicas && running === replicas ? app : undefined
    },
    LIMIT_MS,
  )
}

async function engineIs(api: Client, up: boolean): Promise<void> {
  const is = async () => (await api.ok<Status>('GET', '/v1/status')).engine.up === up
  await waitFor(`the engine to be ${up ? 'back' : 'away'}`, is, LIMIT_MS)
}

const ENGINES = [
  { liveRestore: false, what: 'the engine takes its containers with it' },
  { liveRestore: true, what: 'the containers go on without it' },
]

// The harder one in `npm test`, both in the full run.
describe.each(FULL ? ENGINES : ENGINES.slice(0, 1))('SIGKILL of dockerd under an app, $what', ({ liveRestore }) => {
  it('comes to what is declared, what was declared meanwhile too, with no instance made twice', async () => {
    await using docker = await privateDocker({ liveRestore })
    const image = await testImage('busybox', docker.engine)
    await using database = await freshDatabase()
    const env = { PANDA_RUNTIME: 'docker', DOCKER_HOST: `unix://${docker.socketPath}` }
    await using fleet = await Fleet.start({ size: 1, databaseUrl: database.url, env })
    const api = await fleet.api()
    const command = ['sleep', '100000']
    const spec = { image, pull: 'never', command, memory: '16Mi', cpus: 0.5, drain: '1s', replicas: 2 }
    await api.ok('POST', '/v1/apps/worker/deploys', spec)
    const before = live(await ready(api, 2)).map(({ id }) => id)

    await docker.kill()
    await engineIs(api, false)
    await api.ok('POST', '/v1/apps/worker/scale', { replicas: 3 })
    await docker.restart()
    await engineIs(api, true)
    const restartedAt = performance.now()
    const after = live(await ready(api, 3))
    const settledMs = Math.round(performance.now() - restartedAt)
    printFigures('dockerd under an app', {
      liveRestore,
      settledMs,
      restarts: after.map(({ restarts }) => restarts).join(' '),
    })

    expect(after.map(({ revision, slot }) => [revision, slot])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ])
    // The same instances: those whose containers died with the engine were started again, once.
    expect(after.slice(0, 2).map(({ id }) => id)).toEqual(before)
    expect(after.slice(0, 2).map(({ restarts }) => restarts)).toEqual(liveRestore ? [0, 0] : [1, 1])
    const installation = await readInstallation(database.url)
    const filters = { label: [`panda.installation=${installation}`] }
    const containers = () => docker.engine.listContainers({ all: true, filters })
    await waitFor('three containers and no other', async () => (await containers()).length === 3, LIMIT_MS)

    await api.call('DELETE', '/v1/apps/worker')
    await waitFor('every container to be removed', async () => (await containers()).length === 0, LIMIT_MS)
    const crashes = fleet.servers.flatMap((server) => server.crashes)
    await fleet.stop()
    await leakCheck(docker.socketPath, installation)
    expect(crashes).toEqual([])
  })
})
