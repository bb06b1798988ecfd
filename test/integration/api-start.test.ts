import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, describe, expect, it } from 'vitest'
import { readConfig, type Config } from '../../packages/server/src/config.ts'
import { createLog } from '../../packages/server/src/log.ts'
import { type RunningServer, startServer } from '../../packages/server/src/main.ts'
import { openDatabase } from '../../packages/server/src/store/database.ts'
import { Client } from '../support/api-client.ts'
import { freePort } from '../support/free-port.ts'
import { migratedDatabase } from '../support/migrated-database.ts'
import { freshDatabase } from '../support/postgres.ts'
import { tempDir } from '../support/temp-dir.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function home(): Promise<string> {
  const dir = await tempDir('home')
  cleanups.push(() => dir.remove())
  return dir.path
}

async function emptyDatabase(): Promise<string> {
  const database = await freshDatabase()
  cleanups.push(() => database.drop())
  return database.url
}

async function start(overrides: Partial<Config>): Promise<RunningServer & { logText(): string }> {
  const lines: string[] = []
  const log = createLog({ logLevel: 'debug', logFormat: 'json' }, { write: (line: string) => lines.push(line) })
  const config = readConfig({ port: 0, runtime: 'fake', databaseWaitMs: 1000, ...overrides }, {})
  const server = await startServer(config, { log })
  cleanups.push(() => server.stop())
  return { ...server, logText: () => lines.join('') }
}

describe('the first start', () => {
  it('with nothing but a home: database, key, token, address; and the next start finds them', async () => {
    const path = await home()
    const first = await start({ home: path })
    const token = await readFile(join(path, 'token'), 'utf8')
    expect(first.newTokenFile).toBe(join(path, 'token'))
    for (const file of ['token', 'secret.key', 'server.json']) {
      expect((await stat(join(path, file))).mode & 0o777, file).toBe(0o600)
    }
    expect(JSON.parse(await readFile(join(path, 'server.json'), 'utf8'))).toEqual({ url: first.url, pid: process.pid })
    const api = new Client(first.url, token.trim())
    await api.ok('PUT', '/v1/secrets/KEPT', { value: 'x' })
    expect((await api.fetch('GET', '/readyz')).status).toBe(200)
    await first.stop()
    await expect(stat(join(path, 'server.json'))).rejects.toMatchObject({ code: 'ENOENT' })

    const second = await start({ home: path })
    expect(second.newTokenFile).toBeNull()
    expect(await readFile(join(path, 'token'), 'utf8')).toBe(token)
    expect(await new Client(second.url, token.trim()).ok('GET', '/v1/secrets')).toMatchObject({
      items: [{ name: 'KEPT' }],
    })
    await second.stop()

    // Secrets are there, their key is not: nothing is started, and nothing is left running.
    await rm(join(path, 'secret.key'))
    await expect(start({ home: path })).rejects.toMatchObject({
      code: 'secret_key_missing',
      hint: expect.stringContaining('PANDA_SECRET_KEY'),
    })
    await expect(stat(join(path, 'secret.key'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('of three servers at once on an empty database makes one installation and one token', async () => {
    const databaseUrl = await emptyDatabase()
    const secretKey = Buffer.alloc(32, 7).toString('base64')
    const homes = await Promise.all([home(), home(), home()])
    const servers = await Promise.all(homes.map((path) => start({ home: path, databaseUrl, secretKey })))
    expect(servers.filter((server) => server.newTokenFile !== null)).toHaveLength(1)
    const db = openDatabase(databaseUrl, { poolSize: 1 })
    cleanups.push(() => db.destroy())
    expect(await db.selectFrom('installation').selectAll().execute()).toHaveLength(1)
    expect(await db.selectFrom('tokens').selectAll().execute()).toHaveLength(1)
    expect(await db.selectFrom('projects').select('name').execute()).toEqual([{ name: 'default' }])
  })
})

describe('the key of the secrets', () => {
  it('must be the same on every server of a database', async () => {
    const databaseUrl = await emptyDatabase()
    const path = await home()
    await start({ home: path, databaseUrl })
    await expect(start({ home: await home(), databaseUrl })).rejects.toMatchObject({ code: 'secret_key_missing' })
    await expect(
      start({ home: await home(), databaseUrl, secretKey: Buffer.alloc(32).toString('base64') }),
    ).rejects.toMatchObject({ code: 'secret_key_wrong', hint: expect.stringContaining('secret.key') })
    const key = (await readFile(join(path, 'secret.key'), 'utf8')).trim()
    await start({ home: await home(), databaseUrl, secretKey: key })
  })

  it('is taken away from other users of the machine', async () => {
    const path = await home()
    const databaseUrl = await emptyDatabase()
    await writeFile(join(path, 'secret.key'), Buffer.alloc(32, 1).toString('base64'))
    await chmod(join(path, 'secret.key'), 0o644)
    const server = await start({ home: path, databaseUrl })
    expect((await stat(join(path, 'secret.key'))).mode & 0o777).toBe(0o600)
    expect(server.logText()).toContain('could be read by other users')
  })

  it('must be a key', async () => {
    await expect(
      start({ home: await home(), databaseUrl: await emptyDatabase(), secretKey: 'short' }),
    ).rejects.toMatchObject({
      code: 'secret_key_invalid',
    })
  })
})

describe('a start that cannot succeed', () => {
  it('says that the port is in use, before anything else is started', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => new Promise((resolve) => other.close(resolve)))
    const address = other.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const path = await home()
    await expect(start({ home: path, port: address.port })).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining(String(address.port)),
      hint: expect.stringContaining(`--port ${address.port + 1}`),
    })
    await expect(stat(join(path, 'postgres'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('says that the database is not there, without its password', async () => {
    const url = `postgres://panda:hunter2@127.0.0.1:${await freePort()}/panda`
    const failed = start({ home: await home(), databaseUrl: url })
    await expect(failed).rejects.toMatchObject({
      code: 'database_unreachable',
      hint: expect.stringContaining('DATABASE_URL'),
    })
    await expect(failed).rejects.not.toThrow('hunter2')
  })

  it('says that it may not make the schema of its queue, and starts once somebody else has made it', async () => {
    await using database = await migratedDatabase()
    const role = `panda_poor_${process.pid}`
    const admin = database.db
    await sql.raw(`create role ${role} login password 'poor'`).execute(admin)
    try {
      await sql
        .raw(`grant all on schema public to ${role}; grant all on all tables in schema public to ${role};
        grant all on all sequences in schema public to ${role}`)
        .execute(admin)
      const url = new URL(database.url)
      url.username = role
      url.password = 'poor'
      const path = await home()
      const refused = start({ home: path, databaseUrl: url.href })
      await expect(refused).rejects.toMatchObject({
        code: 'database_refused',
        hint: expect.stringContaining('create schema panda_server authorization'),
      })
      await sql.raw(`create schema panda_server authorization ${role}`).execute(admin)
      await (await start({ home: path, databaseUrl: url.href })).stop()
    } finally {
      await sql.raw(`drop owned by ${role} cascade`).execute(admin)
      await sql.raw(`drop role ${role}`).execute(admin)
    }
  })

  it('says that the database refuses us', async () => {
    await using database = await migratedDatabase()
    const url = new URL(database.url)
    url.pathname = '/nowhere'
    await expect(start({ home: await home(), databaseUrl: url.href })).rejects.toMatchObject({
      code: 'database_refused',
      message: expect.stringContaining('nowhere'),
    })
  })
})
