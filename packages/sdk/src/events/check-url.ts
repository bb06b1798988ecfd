import { setTimeout as delay } from 'node:timers/promises'
import { PandaError } from '../errors.ts'
import type { StoreProblem } from '../queue/driver.ts'
import { findBrokerUrl } from './broker-url.ts'

export interface CheckUrlOptions {
  /** For all of it, in ms. Default 3,000. */
  readonly timeoutMs?: number
}

/**
 * Looks whether the store behind an address can be used, before anything uses it: login, version, whether it takes writes,
 * and settings that lose what it has acknowledged. It stores nothing and makes no table, queue or exchange. RabbitMQ tells
 * no settings.
 *
 * @returns what can lose data; none = nothing was found
 * @throws PandaError invalid_url, client_missing, store_away, unauthorized, wrong_namespace, read_only, unsupported_version
 */
export async function checkUrl(url: string, options: CheckUrlOptions = {}): Promise<readonly StoreProblem[]> {
  const { timeoutMs = 3_000 } = options
  const { kind } = findBrokerUrl(url)
  if (kind === 'memory') return []
  const end = new AbortController()
  const signal = end.signal
  const away = async (): Promise<never> => {
    await delay(timeoutMs, undefined, { signal })
    throw new PandaError('store_away', `the store did not answer within ${timeoutMs} ms`)
  }
  const look = { postgres: lookAtPostgres, redis: lookAtRedis, rabbitmq: lookAtRabbit }[kind]
  try {
    return await Promise.race([look(url, timeoutMs, signal), away()])
  } finally {
    end.abort()
  }
}

/** SQLSTATE invalid_catalog_name. */
const NO_DATABASE = '3D000'

type Look = (url: string, timeoutMs: number, signal: AbortSignal) => Promise<readonly StoreProblem[]>

const lookAtPostgres: Look = async (url, timeoutMs, signal) => {
  const [{ Connections }, { checkServer }, { settle }] = await Promise.all([
    import('../drivers/postgres/connect.ts'),
    import('../drivers/postgres/check.ts'),
    import('../drivers/postgres/options.ts'),
  ])
  const connections = new Connections(settle({ url, connections: 1, timeoutMs }))
  try {
    return await checkServer(connections, signal)
  } catch (error) {
    const isMissing =
      error instanceof PandaError && (error.cause as { code?: unknown } | undefined)?.code === NO_DATABASE
    throw isMissing ? new PandaError('wrong_namespace', error.message, { cause: error }) : error
  } finally {
    await connections.close()
  }
}

const lookAtRedis: Look = async (url, timeoutMs, signal) => {
  const [{ Connection }, { check }, { loadClient }] = await Promise.all([
    import('../drivers/redis/connection.ts'),
    import('../drivers/redis/check.ts'),
    import('../drivers/redis/client.ts'),
  ])
  const settings = { url, prefix: 'panda', patienceMs: timeoutMs, stallMs: timeoutMs }
  const connection = new Connection(await loadClient(), settings)
  try {
    return await check(connection, signal)
  } finally {
    await connection.close()
  }
}

const lookAtRabbit: Look = async (url, timeoutMs, signal) => {
  const [{ Link }, { addressOf }, { assertVersion }] = await Promise.all([
    import('../drivers/rabbitmq/link.ts'),
    import('../drivers/rabbitmq/address.ts'),
    import('../drivers/rabbitmq/check.ts'),
  ])
  const link = new Link(addressOf(url), { waitMs: timeoutMs, heartbeatSeconds: 5, connectionName: 'pandastack check' })
  try {
    await link.ready(signal)
    assertVersion(link)
    return []
  } finally {
    await link.close()
  }
}
