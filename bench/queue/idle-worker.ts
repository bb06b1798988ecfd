/**
 * What a worker process with 50 queues costs while nothing happens: share of a core over 20 s, and on PostgreSQL its
 * connections that listen.
 *
 *   npm run build && npx tsx --conditions=source bench/queue/idle-worker.ts redis|postgres
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { Crew } from './common/crew.ts'
import { record } from './common/results.ts'
import { onStage, type Stage } from './common/stage.ts'

const QUEUES = 50
const SETTLE_MS = 5_000
const WATCH_MS = 20_000
const ROUNDS = 2

/** @returns share of a core in % */
async function share(who: string, url: string, watch: () => Promise<void>): Promise<number> {
  const crew = await Crew.start({ who, url, size: 1, concurrency: 10, queues: QUEUES })
  await crew.go(true)
  await delay(SETTLE_MS)
  const before = await crew.cpu()
  const startedAt = performance.now()
  await delay(WATCH_MS)
  const after = await crew.cpu()
  const percent = (after.micros - before.micros) / 10 / (performance.now() - startedAt)
  await watch()
  await crew.stop()
  return percent
}

/** The one that listens is asked now and then whether it is still there. */
async function listening(url: string): Promise<number> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where application_name = 'panda queue' and datname = current_database() and query ~* '^\\s*(listen|unlisten|select 1$)'`,
  )
  await client.end()
  return rows[0]?.count ?? 0
}

async function idle({ store, url, ours, rivals, empty }: Stage): Promise<void> {
  // Graphile Worker has one queue for all tasks: there is nothing of the kind to compare with.
  const contenders = store === 'redis' ? [ours, ...rivals] : [ours]
  const shares: Record<string, number[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]))
  const listeners: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name } of contenders) {
      await empty()
      const watch = async (): Promise<void> => {
        if (store === 'postgres') listeners.push(await listening(url))
      }
      shares[name]?.push(await share(name, url, watch))
    }
  }
  record(store, `idle worker with ${QUEUES} queues`, {
    unit: '% of a core',
    goal: store === 'redis' ? '< 1 %' : '< 1 %, one connection that listens',
    rounds: shares,
    ratios: store === 'redis' ? [['ours', 'bullmq']] : [],
    ...(store === 'postgres' && { note: `connections that listen: ${listeners.join(', ')}` }),
  })
}

await onStage(idle)
