// pg-boss' worker: as many loops as there are to be jobs at a time, each looking as often as it may.
import { setTimeout as delay } from 'node:timers/promises'
import PgBoss from 'pg-boss'

export async function work(url, concurrency, handle) {
  const boss = new PgBoss({ connectionString: url, maintenanceIntervalSeconds: 10 })
  // A database that is away is what this is about; without a listener it would end the process.
  boss.on('error', () => undefined)
  while (!(await started(boss))) await delay(500)
  for (let loop = 0; loop < concurrency; loop++)
    await boss.work('chaos', { pollingIntervalSeconds: 0.5 }, ([job]) => handle(job.data.n, job.id))
}

/** Whatever supervises the process would start it again when the database is away. */
async function started(boss) {
  try {
    await boss.start()
    return true
  } catch {
    return false
  }
}
