import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from './free-port.ts'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import { waitFor } from '../../../../../test/support/wait-for.ts'
import { EmbeddedPostgresError } from './embedded-error.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres, type StartOptions } from './embedded-postgres.ts'
import { processIdentity } from './process-identity.ts'
import { withClient } from './ready.ts'

const module = new URL('./embedded-postgres.ts', import.meta.url).href
const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function newHome(): Promise<string> {
  const home = await tempDir('home')
  cleanups.push(async () => home.remove())
  return home.path
}

async function start(home: string, options: Partial<StartOptions> = {}) {
  const lines: string[] = []
  const server = await startEmbeddedPostgres({ home, log: (line) => lines.push(line), ...options })
  cleanups.push(async () => server.stop())
  return { server, lines }
}

/** A panda server of its own that can be killed: starts PostgreSQL, tells its pid, waits. */
async function startInChild(home: string): Promise<{ child: ChildProcess; postgresPid: number }> {
  const code = `import { startEmbeddedPostgres } from ${JSON.stringify(module)}
    const pg = await startEmbeddedPostgres({ home: ${JSON.stringify(home)}, log: (line) => console.error(line) })
    console.log(pg.pid)
    setInterval(() => undefined, 1000)`
  const args = ['--import', 'tsx', '--conditions', 'source', '--input-type', 'module', '--eval', code]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  cleanups.push(async () => void child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout })) return { child, postgresPid: Number(line) }
  throw new Error('the child server did not start')
}

async function ask<T>(server: EmbeddedPostgres, sql: string): Promise<T | undefined> {
  return withClient(server.url, async (client) => {
    const { rows } = await client.query<{ value: T }>(sql)
    return rows[0]?.value
  })
}

const insertMark = 'create table mark as select 7 as value'
const readMark = 'select value from mark'

describe('startEmbeddedPostgres', () => {
  it('makes a cluster on loopback with a password and PostgreSQL’s own durability, and leaves nothing when stopped', async () => {
    const home = await newHome()
    const { server, lines } = await start(home)
    expect(server.url).toMatch(/^postgres:\/\/panda:[\w-]{32}@127\.0\.0\.1:\d+\/panda$/)
    expect(await ask(server, `select current_setting('listen_addresses') as value`)).toBe('127.0.0.1')
    expect(await ask(server, `select current_setting('fsync') as value`)).toBe('on')
    expect(await ask(server, `select current_setting('synchronous_commit') as value`)).toBe('on')
    expect(await ask(server, `select current_setting('unix_socket_directories') as value`)).toBe('')
    const wrong = server.url.replace(/:[\w-]{32}@/, ':wrong@')
    await expect(withClient(wrong, async () => undefined)).rejects.toMatchObject({ code: '28P01' })
    expect(lines.join('\n')).toMatch(/made and started in \d+ ms/)

    const { pid } = server
    await server.stop()
    await server.stop()
    expect(processIdentity(pid)).toBeUndefined()
    await expect(readFile(join(home, 'postgres.lock'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('keeps the data over a restart', async () => {
    const home = await newHome()
    const first = await start(home)
    await ask(first.server, insertMark)
    await first.server.stop()
    const second = await start(home)
    expect(await ask(second.server, readMark)).toBe(7)
    expect(second.lines.join('\n')).toMatch(/ started in \d+ ms/)
  })

  it('starts PostgreSQL again on the same address when it is killed, and tells', async () => {
    const reasons: string[] = []
    const { server } = await start(await newHome(), { onExit: (reason) => reasons.push(reason) })
    await ask(server, insertMark)
    const killed = server.pid
    process.kill(killed, 'SIGKILL')
    await waitFor('another pid', () => server.pid !== killed)
    expect(await ask(server, readMark)).toBe(7)
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toContain('SIGKILL')
  })

  it('adopts what a killed server left running, and refuses a home that a living one uses', async () => {
    const home = await newHome()
    const { child, postgresPid } = await startInChild(home)
    const refused = startEmbeddedPostgres({ home, log: () => undefined })
    await expect(refused).rejects.toMatchObject({ code: 'home_in_use', pid: child.pid })
    await expect(refused).rejects.toThrow(String(child.pid))
    await expect(refused).rejects.toBeInstanceOf(EmbeddedPostgresError)

    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(processIdentity(postgresPid)).toBeDefined()
    const { server } = await start(home)
    expect(server.pid).toBe(postgresPid)
    expect(await ask(server, 'select 1 as value')).toBe(1)
    await server.stop()
    expect(processIdentity(postgresPid)).toBeUndefined()
  })

  it('supervises an adopted server as well', async () => {
    const home = await newHome()
    const { child, postgresPid } = await startInChild(home)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const { server } = await start(home)
    process.kill(postgresPid, 'SIGKILL')
    await waitFor('another pid', () => server.pid !== postgresPid)
    expect(await ask(server, 'select 1 as value')).toBe(1)
  })

  it('gets past a postmaster.pid whose pid is dead, or now somebody else’s', async () => {
    const home = await newHome()
    await (await start(home)).server.stop()
    const lockFile = join(await realpath(join(home, 'postgres')), 'data', 'postmaster.pid')
    for (const pid of [4_000_000, process.pid]) {
      await writeFile(lockFile, `${pid}\n${dirname(lockFile)}\n1700000000\n5432\n\n127.0.0.1\n\nready   \n`)
      const { server } = await start(home)
      expect(await ask(server, 'select 1 as value')).toBe(1)
      await server.stop()
    }
  })

  it('takes another port when the first is taken', async () => {
    const taken = createServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    const first = typeof address === 'object' && address !== null ? address.port : 0
    const ports = [first, await freePort()]
    const { server, lines } = await start(await newHome(), { pickPort: async () => ports.shift() ?? 0 })
    taken.close()
    expect(server.port).not.toBe(first)
    expect(lines.join('\n')).toContain(`on port ${first} failed`)
    expect(await ask(server, 'select 1 as value')).toBe(1)
  })

  it('ends a start that is aborted, with the home free and no process left', async () => {
    const home = await newHome()
    const aborting = new AbortController()
    const starting = startEmbeddedPostgres({ home, log: () => undefined, signal: aborting.signal })
    setImmediate(() => aborting.abort())
    await expect(starting).rejects.toThrow(/abort/i)
    const { server } = await start(home)
    expect(await ask(server, 'select 1 as value')).toBe(1)
  })

  it('refuses data of another major version', async () => {
    const home = await newHome()
    await (await start(home)).server.stop()
    await writeFile(join(await realpath(join(home, 'postgres')), 'data', 'PG_VERSION'), '9\n')
    await expect(startEmbeddedPostgres({ home, log: () => undefined })).rejects.toMatchObject({
      code: 'version_mismatch',
    })
  })

  it.runIf(process.getuid?.() === 0)(
    'keeps the data elsewhere when PostgreSQL’s user cannot reach the home',
    async () => {
      const home = await newHome()
      await chmod(home, 0o700)
      const { server, lines } = await start(home)
      const root = await realpath(join(home, 'postgres'))
      cleanups.unshift(async () => rm(root, { recursive: true }))
      expect(root).toMatch(/^\/var\/lib\/pandastack\/postgres-/)
      expect(lines.join('\n')).toContain(`the database is kept in ${root}`)
      await ask(server, insertMark)
      await server.stop()
      expect(await ask((await start(home)).server, readMark)).toBe(7)
    },
  )
})
