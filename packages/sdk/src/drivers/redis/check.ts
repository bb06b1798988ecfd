/** What of the server's version and settings could lose jobs. */
import { PandaError } from '../../errors.ts'
import type { StoreProblem } from '../../queue/driver.ts'
import type { Connection } from './connection.ts'

const OLDEST_MAJOR = 7

/** @throws PandaError unauthorized, read_only, unsupported_version, store_away */
export async function check(connection: Connection, signal?: AbortSignal): Promise<readonly StoreProblem[]> {
  const info = await ask(connection, async () => connection.call(async (redis) => redis.info(), signal))
  const facts = new Map(
    (info ?? '').split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(':')
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : []
    }),
  )
  assertVersion(facts.get('redis_version'), connection.host)
  if (facts.get('role') === 'slave') {
    throw new PandaError(
      'read_only',
      `Redis at ${connection.host} is a replica of ${facts.get('master_host') ?? 'another server'} and takes no writes.`,
    )
  }
  const appendfsync = await ask(connection, async () =>
    connection.call(async (redis) => redis.config('GET', 'appendfsync'), signal),
  )
  return [
    ...appendOnly(facts.get('aof_enabled'), connection.host),
    ...fsync(facts.get('aof_enabled'), valueOf(appendfsync), connection.host),
    ...eviction(facts.get('maxmemory'), facts.get('maxmemory_policy'), connection.host),
  ]
}

/** The answer is a name and its value. */
function valueOf(answer: unknown): string | undefined {
  return Array.isArray(answer) ? String(answer[1]) : undefined
}

/** Null when the server does not let it be asked, as managed ones do with CONFIG and some with INFO. */
async function ask<T>(connection: Connection, question: () => Promise<T>): Promise<T | null> {
  try {
    return await question()
  } catch (error) {
    const { code, cause } = error as PandaError
    const text = cause instanceof Error ? cause.message : ''
    const isForbidden =
      text.startsWith('NOPERM') || (code === 'store_refused' && /unknown command|not allowed|disabled/i.test(text))
    if (!isForbidden) throw error
    // A user without any rights on commands is refused even this.
    await connection.call(async (redis) => redis.ping())
    return null
  }
}

function assertVersion(version: string | undefined, host: string): void {
  if (version === undefined || Number.parseInt(version, 10) >= OLDEST_MAJOR) return
  throw new PandaError('unsupported_version', `Redis at ${host} has version ${version}.`)
}

function appendOnly(enabled: string | undefined, host: string): StoreProblem[] {
  if (enabled === '1') return []
  const message =
    enabled === undefined
      ? `Redis at ${host} does not tell whether it writes an append-only file. Without one, a crash or restart loses jobs: make sure that appendonly is on.`
      : `Redis at ${host} writes no append-only file: a crash or restart loses every job since its last snapshot. Set "appendonly yes" (CONFIG SET appendonly yes, and in its configuration file).`
  return [{ setting: 'appendonly', message }]
}

function fsync(enabled: string | undefined, value: string | undefined, host: string): StoreProblem[] {
  if (enabled !== '1' || value !== 'no') return []
  const message = `Redis at ${host} leaves it to the system when its append-only file gets to the disk (appendfsync no): a crash of the machine loses up to half a minute of jobs. Set "appendfsync everysec", or "always".`
  return [{ setting: 'appendfsync', message }]
}

function eviction(limit: string | undefined, policy: string | undefined, host: string): StoreProblem[] {
  if (policy === 'noeviction' || limit === '0') return []
  const message =
    policy === undefined
      ? `Redis at ${host} does not tell what it does when its memory is full. Under any policy but noeviction it silently deletes jobs then: make sure of it.`
      : `Redis at ${host} has maxmemory-policy ${policy}: when its memory is full, it silently deletes whole queues. Set "maxmemory-policy noeviction".`
  return [{ setting: 'maxmemory-policy', message }]
}
