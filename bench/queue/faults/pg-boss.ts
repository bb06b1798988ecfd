import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import PgBoss from 'pg-boss'
import type { OpenSubject, QueueSubject } from '../../../test/chaos/queue-subject.ts'
import { askPostgres } from './ask-postgres.ts'

const PAUSE_MS = 100
/**
 * pg-boss 10 has no heartbeat: a job of a dead worker comes back when its time is over (default 15 minutes) and the
 * maintenance, here every 10 s (default 2 minutes), looks. Set as low as jobs of half a second allow with a good margin.
 */
const RECOVERY = { expireInSeconds: 30, retryLimit: 10 }

/** An id of the producer's own makes an add that is repeated harmless. */
export const pgBoss: QueueSubject = {
  name: 'pg-boss',
  worker: join(import.meta.dirname, 'work-pg-boss.mjs'),
  open: async (url) => {
    const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false })
    boss.on('error', () => undefined)
    await boss.start()
    await boss.createQueue('chaos', { name: 'chaos', ...RECOVERY })
    return openPgBoss(boss, url)
  },
}

function openPgBoss(boss: PgBoss, url: string): OpenSubject {
  const ids = (states: string): Promise<string[]> =>
    askPostgres(url, `select id from pgboss.job where name = 'chaos' and state in (${states})`)
  const unfinished = "'created', 'retry', 'active'"
  return {
    async add(n) {
      const id = `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
      for (;;) {
        try {
          // Null when it is there already.
          await boss.send('chaos', { n }, { id })
          return id
        } catch {
          await delay(PAUSE_MS)
        }
      }
    },
    async unfinished() {
      return (await ids(unfinished)).length
    },
    async lists() {
      const [accepted, open, dead] = await Promise.all([
        ids("'completed'"),
        ids(unfinished),
        ids("'failed', 'cancelled'"),
      ])
      return { accepted, acceptances: null, open, dead }
    },
    [Symbol.asyncDispose]: () => boss.stop({ graceful: false }),
  }
}
