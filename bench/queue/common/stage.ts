/** The store and its contenders, as the command line asks for them: `redis` or `postgres`. */
import { Redis } from 'ioredis'
import { freshDatabase } from '../../../test/support/postgres.ts'
import { startRedisServer } from '../../../test/support/redis.ts'
import { stopSharedServices } from '../../../test/support/shared-services.ts'
import { BATCHED, DEFAULTS } from '../postgres/graphile.ts'
import { graphileQueue } from '../postgres/graphile-queue.ts'
import { emptyTables } from '../postgres/empty-tables.ts'
import { bullQueue } from '../redis/bull-queue.ts'
import type { Contender } from './contender.ts'
import { ourQueue } from './ours.ts'
import type { StoreName } from './results.ts'

export interface Stage {
  readonly store: StoreName
  readonly url: string
  readonly ours: Contender
  /** The rival at its best for many jobs, first; on PostgreSQL its defaults besides. */
  readonly rivals: readonly Contender[]
  /** Removes all jobs of all contenders. */
  readonly empty: () => Promise<void>
}

/** Runs the work on a new store, which is gone afterwards. */
export async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const store = process.argv[2]
  try {
    if (store === 'redis') await onRedis(work)
    else if (store === 'postgres') await onPostgres(work)
    else throw new Error('Which store? Say redis or postgres.')
  } finally {
    await stopSharedServices()
  }
}

async function onRedis(work: (stage: Stage) => Promise<void>): Promise<void> {
  await using server = await startRedisServer({ config: { 'auto-aof-rewrite-percentage': '0' } })
  const { url } = server
  const admin = new Redis(url)
  const rivals = [bullQueue(url)]
  await work({ store: 'redis', url, ours: ourQueue(url), rivals, empty: async () => void (await admin.flushall()) })
  for (const rival of rivals) await rival.close()
  admin.disconnect()
}

async function onPostgres(work: (stage: Stage) => Promise<void>): Promise<void> {
  await using database = await freshDatabase()
  const { url } = database
  const rivals = [
    await graphileQueue(url, 'graphile, batched', BATCHED),
    await graphileQueue(url, 'graphile, defaults', DEFAULTS),
  ]
  await work({ store: 'postgres', url, ours: ourQueue(url), rivals, empty: async () => emptyTables(url) })
  for (const rival of rivals) await rival.close()
}
