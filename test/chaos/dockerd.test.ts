import { setTimeout as delay } from 'node:timers/promises'
import type { Run, RunDetail, Status } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import type { Client } from '../support/api-client.ts'
import { leakCheck, privateDocker } from '../support/docker.ts'
import { testImage } from '../support/images.ts'
import { freshDatabase } from '../support/postgres.ts'
import { waitFor } from '../support/wait-for.ts'
import { printFigures } from './figures.ts'
import { Fleet } from './fleet.ts'
import { readHistory, settle, readInstallation } from './history.ts'
import { LATER } from './workload.ts'

const LIMIT_MS = 60_000
/** The engine is dead for so long; `quick` ends meanwhile, `slow` does not. */
const AWAY_MS = 5000

const numbers = (count: number) => `for i in $(seq 1 ${count}); do echo "line $i"; sleep 0.5; done`
const PROGRAMS = {
  slow: `${numbers(36)}; exit 5`,
  quick: `${numbers(8)}; exit 6`,
  // Its success must never be a guess either.
  lucky: `${numbers(8)}; exit 0`,
  later: 'echo done; exit 0',
} as const
type Program = keyof typeof PROGRAMS

describe.each([
  { liveRestore: false, what: 'the engine takes its containers with it' },
  { liveRestore: true, what: 'the containers go on without it' },
])('SIGKILL of dockerd, $what', ({ liveRestore }) => {
  it('no outcome is guessed; what is started meanwhile waits; all goes on by itself', async () => {
    await using docker = await privateDocker({ liveRestore })
    const image = await testImage('busybox', docker.engine)
    await using database = await freshDatabase()
    await using fleet = await Fleet.start({
      size: 1,
      databaseUrl: database.url,
      env: { PANDA_RUNTIME: 'docker', DOCKER_HOST: `unix://${docker.socketPath}` },
    })
    const api = await fleet.api()
    for (const name of Object.keys(PROGRAMS) as Program[]) await create(api, name, image)
    const before = { slow: await run(api, 'slow'), quick: await run(api, 'quick'), lucky: await run(api, 'lucky') }
    await waitFor('the containers to run', async () => allStarted(api, Object.values(before)), LIMIT_MS)

    await docker.kill()
    const killedAtMs = Date.now()
    await waitFor('the status to say that the engine is away', async () => !(await engineIsUp(api)), LIMIT_MS)
    const noticedMs = Date.now() - killedAtMs
    const meanwhile = await run(api, 'later')
    await delay(Math.max(0, AWAY_MS - (Date.now() - killedAtMs)))
    const waiting = await get(api, meanwhile)
    expect(['queued', 'running']).toContain(waiting.state)
    expect(waiting.message).toMatch(/engine/)

    await docker.restart()
    const backAtMs = Date.now()
    await waitFor('the waiting run to succeed', async () => (await get(api, meanwhile)).state === 'succeeded', LIMIT_MS)
    const recoveredMs = Date.now() - backAtMs
    await waitFor('the status to say that the engine is back', async () => engineIsUp(api), LIMIT_MS)
    const after = await run(api, 'later')
    expect(await settle(database.url, LIMIT_MS)).toBe(true)
    const outcomes = await outcomesOf(api, { ...before, meanwhile, after })
    printFigures('dockerd', { liveRestore, noticedMs, recoveredMs, ...outcomes })

    expect(outcomes).toMatchObject({ meanwhile: 'succeeded 0', after: 'succeeded 0' })
    // Without the live restore nothing of them can have come to its own end.
    expect(outcomes['slow']).toBe(liveRestore ? 'failed 5' : 'lost null')
    expect(liveRestore ? ['failed 6', 'lost null'] : ['lost null']).toContain(outcomes['quick'])
    expect(liveRestore ? ['succeeded 0', 'lost null'] : ['lost null']).toContain(outcomes['lucky'])
    expect(await doubledLines(database.url)).toEqual([])

    const installation = await readInstallation(database.url)
    const filters = { label: [`panda.installation=${installation}`] }
    const isClean = async () => (await docker.engine.listContainers({ all: true, filters })).length === 0
    await waitFor('every container to be removed', isClean, LIMIT_MS)
    const crashes = fleet.servers.flatMap((server) => server.crashes)
    await fleet.stop()
    await leakCheck(docker.socketPath, installation)
    expect(crashes).toEqual([])
  })
})

async function create(api: Client, name: Program, image: string): Promise<void> {
  await api.ok('POST', '/v1/cronjobs', {
    name,
    image,
    pull: 'never',
    schedule: LATER,
    command: ['sh', '-c', PROGRAMS[name]],
    concurrency: 'allow',
    cpus: 0.5,
    memory: '32Mi',
  })
}

/** @returns the id of a new run by hand */
async function run(api: Client, name: Program): Promise<string> {
  return (await api.ok<Run>('POST', `/v1/cronjobs/${name}/runs`, {})).id
}

async function get(api: Client, id: string): Promise<RunDetail> {
  return api.ok<RunDetail>('GET', `/v1/runs/${id}`)
}

async function allStarted(api: Client, ids: readonly string[]): Promise<boolean> {
  const runs = await Promise.all(ids.map((id) => get(api, id)))
  return runs.every(({ startedAt }) => startedAt !== null)
}

async function engineIsUp(api: Client): Promise<boolean> {
  return (await api.ok<Status>('GET', '/v1/status')).engine.up
}

/** `state code` for each name. */
async function outcomesOf(api: Client, ids: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {}
  for (const [name, id] of Object.entries(ids)) {
    const { state, exitCode } = await get(api, id)
    outcomes[name] = `${state} ${exitCode}`
  }
  return outcomes
}

async function doubledLines(databaseUrl: string): Promise<string[]> {
  const { logLines } = await readHistory(databaseUrl)
  return [...logLines].flatMap(([id, lines]) => {
    const printed = lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text)
    return printed.filter((text, index) => printed.indexOf(text) !== index).map((text) => `${id}: ${text}`)
  })
}
