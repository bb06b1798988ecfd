import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Logger, makeWorkerUtils, type WorkerUtils } from 'graphile-worker'
import { Pool } from 'pg'
import type { OpenSubject, QueueSubject } from '../../../test/chaos/queue-subject.ts'
import { askPostgres } from './ask-postgres.ts'

const PAUSE_MS = 100

/** A job key makes an add that is repeated harmless while its job is there: what is done is deleted, key and all. */
export const graphile: QueueSubject = {
  name: 'Graphile Worker',
  worker: join(import.meta.dirname, 'work-graphile.mjs'),
  open: async (url) => {
    const pool = new Pool({ connectionString: url, max: 10 })
    pool.on('error', () => undefined)
    pool.on('connect', (client) => client.on('error', () => undefined))
    const utils = await makeWorkerUtils({ pgPool: pool, logger: new Logger(() => () => undefined) })
    await utils.migrate()
    return openGraphile(utils, pool, url)
  },
}

function openGraphile(utils: WorkerUtils, pool: Pool, url: string): OpenSubject {
  const ids = (condition: string): Promise<string[]> =>
    askPostgres(url, `select id from graphile_worker.jobs where ${condition}`)
  const unfinished = 'attempts < max_attempts or locked_at is not null'
  return {
    async add(n) {
      for (;;) {
        try {
          const job = await utils.addJob('chaos', { n }, { jobKey: `job-${n}`, jobKeyMode: 'unsafe_dedupe' })
          return job.id
        } catch {
          await delay(PAUSE_MS)
        }
      }
    },
    async unfinished() {
      return (await ids(unfinished)).length
    },
    async lists() {
      const [open, dead] = await Promise.all([ids(unfinished), ids(`not (${unfinished})`)])
      return { accepted: null, acceptances: null, open, dead }
    },
    async [Symbol.asyncDispose]() {
      await utils.release()
      await pool.end()
    },
  }
}
