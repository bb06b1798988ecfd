import { randomBytes } from 'node:crypto'
import { chown, lstat, mkdir, readdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Binaries } from './binaries.ts'
import { codeOf, EmbeddedPostgresError } from './embedded-error.ts'
import { isReachable } from './reachable.ts'
import { runProgram } from './run-program.ts'
import { ensureSharedFolder } from './shared-folder.ts'
import type { SystemUser } from './system-user.ts'

/** One PostgreSQL cluster on disk: `data` and `password` below one folder, the log in the home. */
export interface Cluster {
  readonly data: string
  readonly password: string
  readonly logFile: string
}

export const superuser = 'panda'

/** Where the home's cluster is, links followed; `undefined` before the first start. */
export async function findCluster(home: string): Promise<string | undefined> {
  const root = join(home, 'postgres')
  try {
    return await realpath(root)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  if (!(await isLink(root))) return undefined
  throw new EmbeddedPostgresError('data_missing', `${root} points to a folder that is gone`, {
    hint: `Put the folder back, or remove ${root} to start with an empty database.`,
  })
}

/** @throws EmbeddedPostgresError `version_mismatch` */
export async function openCluster(home: string, root: string, binaries: Binaries): Promise<Cluster> {
  const data = join(root, 'data')
  const major = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim()
  if (major !== binaries.major) {
    const message = `${data} was made by PostgreSQL ${major}, this installation has ${binaries.major}`
    throw new EmbeddedPostgresError('version_mismatch', message, {
      hint: 'Go back to the former version of PandaStack, dump the database with pg_dump, and load it into a new PANDA_HOME.',
    })
  }
  const password = (await readFile(join(root, 'password'), 'utf8')).trim()
  // Not beside the data, which belongs to the other user: root does not open files for writing at that user's mercy.
  return { data, password, logFile: join(home, 'postgres.log') }
}

export interface CreateClusterOptions {
  readonly home: string
  readonly binaries: Binaries
  readonly user: SystemUser | undefined
  readonly log: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs initdb under another name and renames the result, so that a cluster is complete or not there; what an
 * interrupted first start left behind is removed. Needs the home lock.
 *
 * When the user cannot reach the home, the cluster lies below /var/lib/pandastack and `<home>/postgres` is a link to it.
 *
 * @throws EmbeddedPostgresError `initdb_failed`
 */
export async function createCluster(options: CreateClusterOptions): Promise<string> {
  const { home, user, log } = options
  await removeLeftovers(home)
  const suffix = randomBytes(6).toString('hex')
  if (user === undefined || (await isReachable(home, user))) {
    const root = join(home, 'postgres')
    await buildCluster(join(home, `${stagingPrefix}${suffix}`), root, options)
    return root
  }
  const shared = await ensureSharedFolder()
  const root = join(shared, `postgres-${suffix}`)
  log(`${home} cannot be reached by ${user.name}: the database is kept in ${root}`)
  await buildCluster(join(shared, `${stagingPrefix}${suffix}`), root, options)
  await symlink(root, join(home, 'postgres'))
  return root
}

const stagingPrefix = 'postgres.init-'

async function buildCluster(staging: string, root: string, options: CreateClusterOptions): Promise<void> {
  try {
    await mkdir(staging, { mode: 0o700 })
    await writeFile(join(staging, 'password'), `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 })
    if (options.user !== undefined) {
      const { uid, gid } = options.user
      await Promise.all([staging, join(staging, 'password')].map(async (path) => chown(path, uid, gid)))
    }
    await initdb(staging, options)
    await rename(staging, root)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    throw error
  }
}

async function initdb(root: string, { binaries, user, signal }: CreateClusterOptions): Promise<void> {
  const args = ['--pgdata', join(root, 'data'), '--username', superuser, '--pwfile', join(root, 'password')]
  args.push('--auth', 'scram-sha-256', '--no-instructions')
  // The built-in provider sorts the same on every machine, so an index never depends on the system's C library.
  args.push('--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8')
  const done = await runProgram(binaries.initdb, args, { user, env: serverEnvironment(binaries), signal })
  if (done.exitCode === 0) return
  throw new EmbeddedPostgresError('initdb_failed', `initdb failed: ${done.output.trim()}`, {
    hint: 'Make room or give the folder back its rights as the message says, or set DATABASE_URL.',
  })
}

/** Nothing of our own environment: PGPORT, LC_ALL and the like would change what PostgreSQL does. */
export function serverEnvironment(binaries: Binaries): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', LD_LIBRARY_PATH: binaries.libraries }
}

async function removeLeftovers(home: string): Promise<void> {
  const names = (await readdir(home)).filter((name) => name.startsWith(stagingPrefix))
  await Promise.all(names.map(async (name) => rm(join(home, name), { recursive: true, force: true })))
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}
