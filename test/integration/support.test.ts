import type Docker from 'dockerode'
import { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { leakCheck, privateDocker, sharedDocker } from '../support/docker.ts'
import { pushedImage, testImage } from '../support/images.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { freshDatabase } from '../support/postgres.ts'
import { startRegistry } from '../support/registry.ts'

expectNoChildProcesses()

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

describe('freshDatabase', () => {
  it('gives each caller an empty database of its own and drops it, connections or not', async () => {
    const [first, second] = await Promise.all([freshDatabase(), freshDatabase()])
    await ask(first.url, 'create table only_here (id int)')
    expect(await ask(second.url, `select to_regclass('only_here') as found`)).toEqual([{ found: null }])
    await first.drop()
    await expect(ask(first.url, 'select 1')).rejects.toMatchObject({ code: '3D000' })
    await second.drop()
  })

  it('prepares a template once, however many ask for it at the same time', async () => {
    let prepared = 0
    const template = {
      key: 'support_self_test',
      prepare: async (url: string) => {
        prepared += 1
        await ask(url, 'create table seeded as select 42 as answer')
      },
    }
    const databases = await Promise.all(Array.from({ length: 4 }, async () => freshDatabase({ template })))
    for (const { url } of databases) expect(await ask(url, 'select answer from seeded')).toEqual([{ answer: 42 }])
    expect(prepared).toBe(1)
    await Promise.all(databases.map(async (database) => database.drop()))
  })
})

interface Ended {
  readonly code: number
  readonly output: string
}

async function runToEnd(engine: Docker, Image: string, Cmd: string[]): Promise<Ended> {
  const container = await engine.createContainer({ Image, Cmd, Labels: { 'panda.installation': 'support-test' } })
  try {
    await container.start()
    const { StatusCode: code } = await container.wait()
    const log = await container.logs({ stdout: true, stderr: true })
    // Each frame of the log has a header of 8 bytes; all is one short frame here.
    return { code, output: log.subarray(8).toString('utf8').trim() }
  } finally {
    await container.remove({ force: true })
  }
}

async function pull(engine: Docker, reference: string, options: object = {}): Promise<void> {
  const stream = await engine.pull(reference, options)
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(stream, (error) => (error === null ? resolve() : reject(error)))
  })
}

describe('the shared engine, registry and images', () => {
  it('runs a shell and this machine’s node', async () => {
    const { engine, socketPath } = await sharedDocker()
    const shell = await testImage('busybox')
    expect(await runToEnd(engine, shell, ['sh', '-c', 'echo hello; exit 3'])).toEqual({ code: 3, output: 'hello' })
    const ran = await runToEnd(engine, await testImage('node'), ['node', '--print', 'process.version'])
    expect(ran).toEqual({ code: 0, output: process.version })
    await leakCheck(socketPath, 'support-test')
  })

  it('finds what a test has left', async () => {
    const { engine, socketPath } = await sharedDocker()
    const Labels = { 'panda.installation': 'leaky' }
    const container = await engine.createContainer({ Image: await testImage('busybox'), Labels })
    const network = await engine.createNetwork({ Name: 'leaky-network', Labels })
    await expect(leakCheck(socketPath, 'leaky')).rejects.toThrow(/container .*, network leaky-network/)
    await container.remove()
    await network.remove()
    await leakCheck(socketPath, 'leaky')
  })

  it('pushes to the registry and pulls by tag and by digest', async () => {
    const { engine } = await sharedDocker()
    const { reference, digest } = await pushedImage('busybox', { tag: 'pulled' })
    const pinned = `${reference.replace(/:pulled$/, '')}@${digest}`
    await pull(engine, reference)
    await pull(engine, pinned)
    expect(await runToEnd(engine, pinned, ['true'])).toEqual({ code: 0, output: '' })
    await engine.getImage(reference).remove({ force: true })
  })

  it('has a registry that wants a login', async () => {
    const { engine } = await sharedDocker()
    const login = { username: 'panda', password: 'bamboo shoots' }
    await using registry = await startRegistry({ login })
    const { reference } = await pushedImage('busybox', { host: registry.host, login })
    await expect(pull(engine, reference)).rejects.toThrow(/no basic auth credentials/)
    await pull(engine, reference, { authconfig: { serveraddress: registry.host, ...login } })
    await engine.getImage(reference).remove({ force: true })
  })
})

describe('privateDocker', () => {
  it.each([true, false])('can be killed and started again; containers survive that: %s', async (liveRestore) => {
    await using docker = await privateDocker({ liveRestore })
    const Image = await testImage('busybox', docker.engine)
    const container = await docker.engine.createContainer({ Image, Cmd: ['sleep', '600'], StopTimeout: 1 })
    await container.start()
    const before = await container.inspect()
    await docker.kill()
    await expect(docker.engine.ping()).rejects.toThrow(/ECONNREFUSED|ENOENT/)
    await docker.restart()
    const after = await container.inspect()
    expect(after.State).toMatchObject(liveRestore ? { Running: true, Pid: before.State.Pid } : { Running: false })
    // Stopping copes with an engine that is down and with what it has left running.
    await docker.kill()
  })
})
