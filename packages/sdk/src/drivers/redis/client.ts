/** The client library, loaded when it is first needed. */
import type { Redis, RedisOptions } from 'ioredis'
import { PandaError } from '../../errors.ts'

export type { Redis } from 'ioredis'

/** Does neither reconnect nor keep commands for later: what is to happen after a loss is decided in `connection.ts`. */
const OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
  disableClientInfo: true,
  noDelay: true,
  keepAlive: 10_000,
} satisfies RedisOptions

export type MakeClient = (url: string, connectTimeoutMs: number) => Redis

/** @throws PandaError client_missing */
export async function loadClient(): Promise<MakeClient> {
  const { Redis } = await importClient()
  return (url, connectTimeout) => new Redis(url, { ...OPTIONS, connectTimeout, connectionName: 'pandastack' })
}

async function importClient(): Promise<Pick<typeof import('ioredis'), 'Redis'>> {
  try {
    return await import('ioredis')
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new PandaError('client_missing', 'A queue on Redis needs the package ioredis, which is not installed.', {
      hint: 'npm install ioredis',
      cause: error,
    })
  }
}
