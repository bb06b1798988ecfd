import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProjectDatabase } from '../../packages/contract/src/index.ts'
import type { EmbeddedServer } from '../support/embedded-server.ts'
import { startEmbeddedServer } from '../support/embedded-server.ts'
import { leakCheck, sharedDocker, type SharedDocker } from '../support/docker.ts'
import { testImage } from '../support/images.ts'
import { waitFor } from '../support/wait-for.ts'

/** Databases of projects, reached (or not) from real containers. */

let docker: SharedDocker
let server: EmbeddedServer
let image: string
/** Of the server, as its containers tell it. */
let installation = ''

beforeAll(async () => {
  docker = await sharedDocker()
  image = await testImage('store-client')
  server = await startEmbeddedServer({ runtime: 'docker', dockerHost: `unix://${docker.socketPath}` })
  for (const name of ['shop', 'blog', 'plain', 'gone']) await server.project(name)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  const label = [`panda.installation=${installation}`]
  for (const { Id } of await docker.engine.listContainers({ all: true, filters: { label } })) {
    await docker.engine.getContainer(Id).remove({ force: true })
  }
  for (const { Id } of await docker.engine.listNetworks({ filters: { label } }))
    await docker.engine.getNetwork(Id).remove()
  await leakCheck(docker.socketPath, installation)
})

const client = (...args: string[]): string[] => ['node', '/store-client.cjs', ...args]
const answers = (lines: readonly string[]): Record<string, unknown>[] =>
  lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>)
const database = (project: string) => server.api.ok<ProjectDatabase>('GET', `/v1/database?project=${project}`)

/** An app that asks its database for ever, and the URL that its container was given. */
async function watcher(project: string, name = 'watcher'): Promise<string> {
  const body = { image, command: client('watch'), pull: 'never' }
  await server.api.ok('POST', `/v1/apps/${name}/deploys?project=${project}`, body)
  const label = [`panda.project=${project}`, `panda.resource=${name}`]
  let env: string[] = []
  await waitFor('the container of the app', async () => {
    const [found] = await docker.engine.listContainers({ filters: { label } })
    if (found === undefined) return false
    installation = found.Labels['panda.installation'] ?? ''
    env = (await docker.engine.getContainer(found.Id).inspect()).Config.Env
    return true
  })
  return env.find((entry) => entry.startsWith('DATABASE_URL='))?.slice('DATABASE_URL='.length) ?? ''
}

async function logOf(project: string, name = 'watcher'): Promise<string[]> {
  const page = await server.api.ok<{ items: { text: string }[] }>(
    'GET',
    `/v1/apps/${name}/logs?project=${project}&tail=1000`,
  )
  return page.items.map(({ text }) => text)
}

describe('a project that names no store', () => {
  it('works with queues and events by what its containers are given, and the server sees the queue', async () => {
    expect(await database('shop')).toMatchObject({ state: 'on-first-need', database: null })
    const { run, lines } = await server.run('shop', image, client('work'))
    expect([run.state, answers(lines)]).toEqual(['succeeded', [{ job: 7, event: { userId: 'u1' } }]])
    expect(await database('shop')).toMatchObject({ state: 'given', database: expect.stringMatching(/^panda_p_/) })
    const { items } = await server.api.ok<{ items: { name: string }[] }>('GET', '/v1/queues?project=shop')
    expect(items.map(({ name }) => name)).toEqual(['greetings'])
  })

  it('reaches its own database and nothing else, neither by its role nor by the network', async () => {
    const url = await watcher('shop')
    const { role, address } = partsOf(url)
    const own = '$DATABASE_URL'
    const elsewhere = ['panda', 'postgres', 'template1'].map((name) => `${url.slice(0, url.lastIndexOf('/'))}/${name}`)
    const inside = await server.run('shop', image, client('try', own, ...elsewhere))
    const denied = { refused: '42501' }
    expect(answers(inside.lines)).toEqual([{ ok: `${role}@${role}`, super: false }, denied, denied, denied])

    // The other project has the right name and password, and its own role on the first one's database.
    const other = partsOf(await watcher('blog'))
    const stolen = { STOLEN: url }
    const crossed = `${other.url.slice(0, other.url.lastIndexOf('/'))}/${role}`
    const outside = await server.run('blog', image, client('try', own, url, crossed), stolen)
    const [mine, byNetwork, byRole] = answers(outside.lines)
    expect(mine).toEqual({ ok: `${other.role}@${other.role}`, super: false })
    expect(byNetwork).toHaveProperty('refused')
    expect(byNetwork).not.toHaveProperty('ok')
    expect(byRole).toEqual(denied)
    expect(other.address).not.toBe(address)
    expect(server.logText()).toContain('was turned away')
  })

  it('never shows the password in a log', async () => {
    const { lines } = await server.run('shop', image, client('given'))
    const { password } = partsOf(await watcher('shop', 'second'))
    expect(lines.join('\n')).toMatch(/"given":"postgres:.*\[redacted\]/)
    expect(lines.join('\n')).not.toContain(password)
    expect(server.logText()).not.toContain(password)
  })

  it('keeps its URL over a restart of the server, and running containers connect again', async () => {
    const before = await watcher('shop', 'lasting')
    await waitFor('the first answer', async () =>
      (await logOf('shop', 'lasting')).some((line) => line.includes('"ok"')),
    )
    await server.stop()
    await server.start()
    const at = (await logOf('shop', 'lasting')).length
    await waitFor('an answer after the restart', async () =>
      (await logOf('shop', 'lasting')).slice(at).some((line) => line.includes('"ok"')),
    )
    const lines = await logOf('shop', 'lasting')
    expect(lines.filter((line) => line.includes('"refused"')).length).toBeGreaterThan(0)
    expect(await watcher('shop', 'later')).toBe(before)
  })

  it('loses the database with the project', async () => {
    await server.run('gone', image, client('try', '$DATABASE_URL'))
    const name = (await database('gone')).database ?? ''
    const { items } = await server.api.ok<{ items: { name: string }[] }>('GET', '/v1/cronjobs?project=gone')
    for (const cronjob of items) await server.api.ok('DELETE', `/v1/cronjobs/${cronjob.name}?project=gone`)
    await server.api.ok('DELETE', '/v1/projects/gone')
    const { lines } = await server.run('plain', image, client('try', '$DATABASE_URL'))
    const { url } = partsOf(await watcher('plain'))
    expect(answers(lines)).toHaveLength(1)
    const gone = await server.run('plain', image, client('try', `${url.slice(0, url.lastIndexOf('/'))}/${name}`))
    // No such database: not one that refuses.
    expect(answers(gone.lines)).toEqual([{ refused: '3D000' }])
  })
})

describe('a project that names a store', () => {
  it('is given nothing', async () => {
    await server.project('own')
    await server.api.ok('PUT', '/v1/env/REDIS_URL?project=own', { value: 'redis://127.0.0.1:1' })
    const { lines } = await server.run('own', image, client('given'))
    expect(answers(lines)).toEqual([{ given: null }])
    expect(await database('own')).toEqual({
      state: 'not-needed',
      database: null,
      message: 'Not given: the project sets REDIS_URL.',
    })
  })

  it('in its cronjob alone is given nothing there', async () => {
    const { lines } = await server.run('plain', image, client('given'), { PANDA_QUEUE_URL: 'redis://127.0.0.1:1' })
    expect(answers(lines)).toEqual([{ given: null }])
  })
})

function partsOf(url: string) {
  const { username, password, host } = new URL(url)
  return { url, role: username, password, address: host }
}
