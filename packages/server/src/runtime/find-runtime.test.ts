import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { tempDir } from '../../../../test/support/temp-dir.ts'
import { waitFor } from '../../../../test/support/wait-for.ts'
import { DockerDriver } from './docker/docker-driver.ts'
import { findRuntime, type FindRuntimeOptions, usualSockets } from './find-runtime.ts'

const servers: Server[] = []
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(async (server) => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    }),
  )
})

/** Says who it is, as an engine does. */
async function engineAt(path: string, answers: Record<string, object>): Promise<void> {
  const server = createServer((request, response) => {
    const answer = answers[new URL(request.url ?? '', 'http://engine').pathname]
    response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? { message: 'no such page' }))
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(path, done))
}

/** As an engine that was killed leaves it: a file at which nobody listens. */
async function leaveSocket(path: string): Promise<void> {
  const holder = spawn(process.execPath, ['-e', `require('net').createServer().listen(process.argv[1])`, path])
  await waitFor('the socket', () => existsSync(path))
  const gone = once(holder, 'exit')
  holder.kill('SIGKILL')
  await gone
}

const VERSION = { Version: '20.10.24', Components: [{ Name: 'Engine' }] }
const INFO = { ID: 'ABCD', Name: 'host', DockerRootDir: '/var/lib/docker' }

function marker(name: 'process' | 'fake') {
  return () => Object.assign(new DockerDriver({ endpoint: { kind: 'unix', path: `/${name}` } }), { marker: name })
}

function options(change: Partial<FindRuntimeOptions>): FindRuntimeOptions {
  const drivers = { createProcessDriver: marker('process'), createFakeDriver: marker('fake') }
  return { runtime: 'auto', dockerHost: null, sockets: [], ...drivers, ...change }
}

describe('findRuntime', () => {
  it('takes what is named, and warns', async () => {
    const named = await findRuntime(options({ runtime: 'process', dockerHost: 'unix:///nowhere' }))
    expect(named.driver).toMatchObject({ marker: 'process' })
    expect(named.warning).toContain('no isolation')
    expect((await findRuntime(options({ runtime: 'fake' }))).driver).toMatchObject({ marker: 'fake' })
  })

  it('takes the first socket at which an engine answers', async () => {
    await using dir = await tempDir('find-runtime')
    const [dead, mute, alive] = ['dead.sock', 'mute.sock', 'alive.sock'].map((name) => join(dir.path, name))
    await engineAt(mute ?? '', {})
    await engineAt(alive ?? '', { '/version': VERSION, '/info': INFO })
    const found = await findRuntime(options({ sockets: [dead ?? '', mute ?? '', alive ?? ''] }))
    expect(found).toMatchObject({ warning: null, why: `an engine answers at ${alive}` })
    expect(await found.driver.info()).toMatchObject({ version: 'Docker 20.10.24', address: `unix://${alive}` })
    await found.driver.close()
  })

  it('falls back to processes, loudly, with every reason', async () => {
    await using dir = await tempDir('find-runtime')
    const missing = join(dir.path, 'missing.sock')
    const found = await findRuntime(options({ sockets: [missing] }))
    expect(found.driver).toMatchObject({ marker: 'process' })
    expect(found.warning).toContain('no isolation')
    expect(found.warning).toContain(`unix://${missing}: not there`)
  })

  it('waits for an engine whose socket is there but does not answer', async () => {
    await using dir = await tempDir('find-runtime')
    const [missing, stale] = [join(dir.path, 'missing.sock'), join(dir.path, 'stale.sock')]
    await leaveSocket(stale)
    const found = await findRuntime(options({ sockets: [missing, stale] }))
    expect(found.driver).not.toHaveProperty('marker')
    expect(found.driver.address).toBe(`unix://${stale}`)
    expect(found.warning).toContain('PANDA_RUNTIME=process')
    await found.driver.close()
  })

  it('waits for the engine that was here at the last start, where it was', async () => {
    await using dir = await tempDir('find-runtime')
    const sockets = ['docker.sock', 'podman.sock'].map((name) => join(dir.path, name))
    for (const [address, expected] of [
      [`unix://${sockets[1]}`, sockets[1]],
      ['tcp://elsewhere:2376', sockets[0]],
      [null, sockets[0]],
    ] as const) {
      const found = await findRuntime(options({ sockets, remembered: { runtime: 'docker', address } }))
      expect(found.driver).not.toHaveProperty('marker')
      expect(found.driver.address).toBe(`unix://${expected}`)
      await found.driver.close()
    }
    const processes = await findRuntime(options({ sockets, remembered: { runtime: 'process', address: null } }))
    expect(processes.driver).toMatchObject({ marker: 'process' })
  })

  it('never falls back from an engine that was named', async () => {
    for (const change of [
      { dockerHost: 'unix:///no/such.sock' },
      { runtime: 'docker', sockets: ['/no/such.sock'] },
    ] as const) {
      const found = await findRuntime(options(change))
      expect(found.driver).not.toHaveProperty('marker')
      expect(found.warning).toContain('does not answer')
      await expect(found.driver.info()).rejects.toMatchObject({ code: 'engine-away' })
      await found.driver.close()
    }
  })

  it('goes to work when the engine that was named comes up', async () => {
    await using dir = await tempDir('find-runtime')
    const path = join(dir.path, 'late.sock')
    const { driver } = await findRuntime(options({ dockerHost: `unix://${path}` }))
    await engineAt(path, { '/version': { ...VERSION, Components: [{ Name: 'Podman Engine' }] }, '/info': INFO })
    expect((await driver.info()).version).toBe('Podman 20.10.24')
    expect(driver.capabilities.reportsOutOfMemory).toBe(false)
    await driver.close()
  })

  it('refuses a DOCKER_HOST that is none', async () => {
    await expect(findRuntime(options({ dockerHost: 'ssh://host' }))).rejects.toThrow(RangeError)
  })

  it('ends when told to', async () => {
    const reason = new Error('stop')
    const search = findRuntime(options({ sockets: ['/no/such.sock'], signal: AbortSignal.abort(reason) }))
    await expect(search).rejects.toBe(reason)
  })
})

describe('usualSockets', () => {
  it('looks at Docker first, of the system and of the user, then at Podman', () => {
    expect(usualSockets(7, '/home/u')).toEqual([
      '/var/run/docker.sock',
      '/run/user/7/docker.sock',
      '/home/u/.docker/run/docker.sock',
      '/run/podman/podman.sock',
      '/run/user/7/podman/podman.sock',
    ])
  })
})
