import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { codeOf, EmbeddedPostgresError } from './embedded-error.ts'
import { processIdentity } from './process-identity.ts'

export interface HomeLock {
  release(): Promise<void>
}

interface Owner {
  readonly pid: number
  readonly identity: string
  readonly host: string
}

const fileName = 'postgres.lock'
const takeoverAttempts = 5
const heartbeatMs = 5_000
/** A lock from another host (a container on the same volume) is given up for dead after six heartbeats. */
const foreignStaleMs = 30_000

/**
 * Makes this process the only one that runs the embedded PostgreSQL of `home`. A lock whose process is gone is taken
 * over; for one from another host, whose processes cannot be seen, its heartbeat (the file's time) decides.
 *
 * @throws EmbeddedPostgresError `home_in_use` with the pid
 */
export async function lockHome(home: string, log: (line: string) => void, now = Date.now): Promise<HomeLock> {
  const path = join(home, fileName)
  const own: Owner = { pid: process.pid, identity: processIdentity(process.pid) ?? '', host: hostname() }
  for (let attempt = 1; attempt <= takeoverAttempts; attempt++) {
    if (await create(path, own)) return keep(path, log)
    const found = await readText(path)
    if (found === undefined) continue
    const owner = parseOwner(found)
    if (owner !== undefined && (await isHeld(path, owner, now))) throw inUse(home, owner)
    await removeStale(path, found)
  }
  throw new EmbeddedPostgresError('home_in_use', `several servers are starting in ${home} at once`, {
    hint: 'Start one of them alone.',
  })
}

function inUse(home: string, owner: Owner): EmbeddedPostgresError {
  const where = owner.host === hostname() ? '' : ` on host ${owner.host}`
  return new EmbeddedPostgresError('home_in_use', `${home} is in use by the server with pid ${owner.pid}${where}`, {
    pid: owner.pid,
    hint: `Stop that server (kill ${owner.pid}), or start this one with another PANDA_HOME or with DATABASE_URL.`,
  })
}

async function isHeld(path: string, owner: Owner, now: () => number): Promise<boolean> {
  if (owner.host === hostname()) return processIdentity(owner.pid) === owner.identity
  try {
    return now() - (await stat(path)).mtimeMs < foreignStaleMs
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Link, not an exclusive open: a reader then never sees a lock without its content. */
async function create(path: string, own: Owner): Promise<boolean> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 })
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** Moved aside before it is judged a second time, so that of two who saw the same dead lock one cannot delete the other's new one. */
async function removeStale(path: string, judged: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  try {
    if ((await readText(aside)) !== judged) await link(aside, path)
  } finally {
    await rm(aside, { force: true })
  }
}

function keep(path: string, log: (line: string) => void): HomeLock {
  const heartbeat = setInterval(() => {
    const at = new Date()
    utimes(path, at, at).catch((error: unknown) => log(`cannot renew ${path}: ${String(error)}`))
  }, heartbeatMs)
  heartbeat.unref()
  return {
    release: async () => {
      clearInterval(heartbeat)
      await rm(path, { force: true })
    },
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** `undefined` for anything that is not a lock of ours, which nobody can be holding. */
function parseOwner(text: string): Owner | undefined {
  try {
    const { pid, identity, host }: Partial<Owner> = JSON.parse(text)
    if (typeof pid !== 'number' || typeof identity !== 'string' || typeof host !== 'string') return undefined
    return { pid, identity, host }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
