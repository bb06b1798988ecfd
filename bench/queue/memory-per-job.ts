/**
 * What a waiting job of 100 bytes takes: memory of Redis, or the table with its indexes on PostgreSQL.
 *
 *   npm run build && npx tsx --conditions=source bench/queue/memory-per-job.ts redis|postgres
 */
import { Redis } from 'ioredis'
import { Client } from 'pg'
import type { Contender } from './common/contender.ts'
import { record, type StoreName } from './common/results.ts'
import { onStage, type Stage } from './common/stage.ts'

const JOBS = 100_000
const GOALS: Readonly<Record<StoreName, string>> = { redis: '<= 300 B', postgres: '<= 250 B' }

async function usedBytes(store: StoreName, url: string, who: Contender): Promise<number> {
  if (store === 'redis') {
    const redis = new Redis(url)
    const info = await redis.info('memory')
    redis.disconnect()
    return Number(/used_memory:(\d+)/.exec(info)?.[1])
  }
  const table = who.name === 'ours' ? 'panda_queue.jobs' : 'graphile_worker._private_jobs'
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ bytes: string }>('select pg_total_relation_size($1) as bytes', [table])
  await client.end()
  return Number(rows[0]?.bytes)
}

async function memory({ store, url, ours, rivals, empty }: Stage): Promise<void> {
  const rival = rivals[0]
  if (rival === undefined) throw new Error('no rival')
  const rounds: Record<string, number[]> = {}
  for (const who of [ours, rival]) {
    await empty()
    await who.addBulk(1000)
    const before = await usedBytes(store, url, who)
    await who.addBulk(JOBS)
    rounds[who.name] = [((await usedBytes(store, url, who)) - before) / JOBS]
  }
  const ratios = [[ours.name, rival.name]] as const
  record(store, 'memory for a waiting job of 100 bytes', { unit: 'bytes', goal: GOALS[store], rounds, ratios })
}

await onStage(memory)
