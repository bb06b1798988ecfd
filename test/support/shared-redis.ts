import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { startRedisServer } from './redis.ts'
import type { RunningService } from './shared-services.ts'

/** `TEST_REDIS_URL`, else a server of the run's own in a temp folder. */
export async function startSharedRedis(): Promise<RunningService> {
  const prefix = `panda-t-${randomBytes(4).toString('hex')}-`
  const url = process.env['TEST_REDIS_URL']
  if (url !== undefined && url !== '') return { values: { url, prefix }, stop: async () => removeAll(url, prefix) }
  const server = await startRedisServer()
  return { values: { url: server.url, prefix }, stop: async () => server.stop() }
}

/** What the tests have left in somebody's long-lived server. */
async function removeAll(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url)
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
      const found = keys as string[]
      if (found.length > 0) await redis.unlink(...found)
    }
  } finally {
    redis.disconnect()
  }
}
