import { connect } from 'node:net'
import { sql } from 'kysely'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../packages/server/src/clock.ts'
import { ProjectDatabases } from '../../packages/server/src/databases/project-databases.ts'
import { createProject } from '../../packages/server/src/projects/projects.ts'
import type { HostAccess } from '../../packages/server/src/runtime/driver.ts'
import { SecretBox } from '../../packages/server/src/settings/secret-box.ts'
import { type Database, openDatabase } from '../../packages/server/src/store/database.ts'
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../packages/server/src/store/embedded/embedded-postgres.ts'
import { migrate } from '../../packages/server/src/store/migrate.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'

/** What is left by a server that died in the middle, and by all else that may be in the way, on a real PostgreSQL. */

let home: TempDir
let postgres: EmbeddedPostgres
let db: Database
beforeAll(async () => {
  home = await tempDir('home')
  postgres = await startEmbeddedPostgres({ home: home.path, log: () => undefined })
  db = openDatabase(postgres.url, { poolSize: 4 })
  await migrate(db)
})
afterAll(async () => {
  await db.destroy()
  await postgres.stop()
  await home.remove()
})

const KEY = new Uint8Array(32).fill(7)
const ON_LOOPBACK: HostAccess = { kind: 'address', host: '127.0.0.1', subnet: '127.0.0.0/8' }
let count = 0

interface Started extends AsyncDisposable {
  readonly databases: ProjectDatabases
  readonly warnings: string[]
}

/** A server's part of it; a second one stands for the next server. */
async function start(access: HostAccess = ON_LOOPBACK, key = KEY): Promise<Started> {
  const warnings: string[] = []
  const databases = new ProjectDatabases({
    db,
    box: new SecretBox(key),
    clock: systemClock,
    log: { info: () => undefined, warn: (_of: unknown, text?: string) => void warnings.push(text ?? '') },
    driver: { name: 'process', hostAccess: () => Promise.resolve(access) },
    installation: 'test',
    embedded: { host: '127.0.0.1', port: postgres.port },
  })
  await databases.start()
  return { databases, warnings, [Symbol.asyncDispose]: () => databases.stop() }
}

async function newProject() {
  const { id, name } = await createProject(db, `p${(count += 1)}`)
  return { id, name, role: `panda_p_${id.slice('prj_'.length)}` }
}

/** The URL as the project's units get it. */
async function urlOf(databases: ProjectDatabases, project: { id: string; name: string }): Promise<string | null> {
  const account = await databases.account(project.id)
  return account === null ? null : databases.urlForUnits(project, account)
}

async function whoAmI(url: string): Promise<string> {
  const client = new Client({ connectionString: url })
  try {
    await client.connect()
    const { rows } = await client.query<{ me: string }>(`select current_user || '@' || current_database() as me`)
    return rows[0]?.me ?? ''
  } finally {
    await client.end()
  }
}

const openToAll = async () => {
  const { rows } = await sql<{ name: string }>`
    select datname as name from pg_database where has_database_privilege('public', oid, 'connect')`.execute(db)
  return rows.map(({ name }) => name)
}
const exists = async (role: string) => {
  const { rows } = await sql<{ roles: number; databases: number; rows: number }>`
    select (select count(*) from pg_roles where rolname = ${role})::int as roles,
      (select count(*) from pg_database where datname = ${role})::int as databases,
      (select count(*) from project_databases where role = ${role})::int as rows`.execute(db)
  return rows[0]
}

/** Each is what stands there when the server was killed after that step. */
const STEPS: Record<string, (role: string) => Promise<unknown>> = {
  'the role was made': (role) => sql`create role ${sql.id(role)} nologin`.execute(db),
  'the database was made': (role) =>
    sql`create database ${sql.id(role)} owner ${sql.id(role)} allow_connections false`.execute(db),
  'it was closed to others': (role) => sql`revoke all on database ${sql.id(role)} from public`.execute(db),
  'it was opened to its owner': (role) => sql`alter database ${sql.id(role)} with allow_connections true`.execute(db),
}

describe('a server that was killed while it made a database', () => {
  it.each(Object.keys(STEPS))('after %s is finished by the next', async (last) => {
    const project = await newProject()
    for (const [step, make] of Object.entries(STEPS)) {
      await make(project.role)
      if (step === last) break
    }
    await using server = await start()
    const url = await urlOf(server.databases, project)
    expect(await whoAmI(url ?? '')).toBe(`${project.role}@${project.role}`)
    expect(await openToAll()).toEqual([])
    expect(await exists(project.role)).toEqual({ roles: 1, databases: 1, rows: 1 })
  })

  it('makes one, however many ask at once, and nothing for a project that is gone', async () => {
    const project = await newProject()
    await using server = await start()
    const accounts = await Promise.all(Array.from({ length: 8 }, () => server.databases.account(project.id)))
    expect(new Set(accounts.map((account) => account?.password)).size).toBe(1)
    expect(await server.databases.account('prj_gone')).toBeNull()
  })
})

describe('the next server', () => {
  it('gives the same URL, also when the role has set a password of its own', async () => {
    const project = await newProject()
    let before: string | null
    {
      await using first = await start()
      before = await urlOf(first.databases, project)
      await sql`alter role ${sql.id(project.role)} password 'mine'`.execute(db)
      await expect(whoAmI(before ?? '')).rejects.toMatchObject({ code: '28P01' })
    }
    await using second = await start()
    expect(await urlOf(second.databases, project)).toBe(before)
    expect(await whoAmI(before ?? '')).toBe(`${project.role}@${project.role}`)
  })

  it('opens again at once what running units know', async () => {
    const project = await newProject()
    let url: string | null
    {
      await using first = await start()
      url = await urlOf(first.databases, project)
    }
    await expect(whoAmI(url ?? '')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await using second = await start()
    expect(second.warnings).toEqual([])
    expect(await whoAmI(url ?? '')).toBe(`${project.role}@${project.role}`)
  })

  it('with another key sets another password', async () => {
    const project = await newProject()
    {
      await using first = await start()
      await first.databases.account(project.id)
    }
    await using second = await start(ON_LOOPBACK, new Uint8Array(32).fill(8))
    expect(await whoAmI((await urlOf(second.databases, project)) ?? '')).toBe(`${project.role}@${project.role}`)
  })

  it('drops what is left of a project that is gone', async () => {
    const [whole, half] = [await newProject(), await newProject()]
    {
      await using first = await start()
      for (const project of [whole, half]) await first.databases.account(project.id)
    }
    await db.deleteFrom('projects').where('id', 'in', [whole.id, half.id]).execute()
    await sql`drop database ${sql.id(half.role)}`.execute(db)
    await using second = await start()
    expect(second.warnings).toEqual([])
    for (const { role } of [whole, half]) expect(await exists(role)).toEqual({ roles: 0, databases: 0, rows: 0 })
  })
})

describe('the way to it', () => {
  it('is closed to other networks, and moves with its own', async () => {
    const project = await newProject()
    await using server = await start({ kind: 'address', host: '127.0.0.2', subnet: '127.0.7.0/24' })
    const url = (await urlOf(server.databases, project)) ?? ''
    expect(new URL(url).hostname).toBe('127.0.0.2')
    expect(await dial(url, '127.0.7.9')).toBe('open')
    expect(await dial(url, '127.0.8.9')).toBe('ECONNRESET')
    expect(server.warnings).toEqual([expect.stringContaining('was turned away')])

    await using moved = await start({ kind: 'address', host: '127.0.0.3', subnet: '127.0.8.0/24' })
    const after = (await urlOf(moved.databases, project)) ?? ''
    expect(new URL(after).port).toBe(new URL(url).port)
    expect(await dial(after, '127.0.8.9')).toBe('open')
  })

  it('is not given where the gateway is no address of this machine, which is said once', async () => {
    const project = await newProject()
    await using server = await start({ kind: 'address', host: '192.0.2.1', subnet: '192.0.2.0/24' })
    expect(await urlOf(server.databases, project)).toBeNull()
    expect(await urlOf(server.databases, project)).toBeNull()
    expect(server.databases.unreachable(project.id)).toBe('192.0.2.1 is not an address of this machine')
    expect(server.warnings).toHaveLength(1)
  })

  it('of a network that has taken the gateway of another one replaces that one’s', async () => {
    const [first, second] = [await newProject(), await newProject()]
    await using server = await start({ kind: 'address', host: '127.0.0.4', subnet: '127.0.9.0/24' })
    const old = (await urlOf(server.databases, first)) ?? ''
    expect(await dial(old, '127.0.9.9')).toBe('open')
    const url = (await urlOf(server.databases, second)) ?? ''
    expect(await dial(url, '127.0.9.9')).toBe('open')
    expect(await dial(old, '127.0.9.9')).toBe('ECONNREFUSED')
  })
})

/** From an address of this machine. @returns `open` when PostgreSQL answers there, else the code of the refusal */
async function dial(url: string, localAddress: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), localAddress })
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    // SSLRequest: PostgreSQL says N, which it was not compiled or set up for.
    socket.once('connect', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])))
    socket.once('data', (answer) => {
      socket.destroy()
      resolve(String(answer) === 'N' ? 'open' : String(answer))
    })
    socket.once('end', () => resolve('ended'))
  })
}
