import { manifestSchema } from '@pandastack/contract'
import { sql, type Transaction } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sealer } from '../../packages/server/src/alerts/stored-channel.ts'
import { createCronjob } from '../../packages/server/src/cronjobs/cronjobs.ts'
import { applyManifest } from '../../packages/server/src/manifests/apply-manifest.ts'
import { cancelRun } from '../../packages/server/src/runs/cancel.ts'
import type { Database } from '../../packages/server/src/store/database.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { asDatabase } from '../../packages/server/src/store/nested-transaction.ts'
import type { Schema } from '../../packages/server/src/store/schema.ts'
import { cronjobSpec } from '../support/cronjob-spec.ts'
import { RunsWorld } from '../support/runs-world.ts'
import { waitFor } from '../support/wait-for.ts'

let world: RunsWorld
beforeAll(async () => {
  world = await RunsWorld.open()
})
afterAll(() => world[Symbol.asyncDispose]())

const box: Sealer = { seal: (text) => Buffer.from(text), open: (sealed) => sealed.toString() }

/** As under an Idempotency-Key: the work is a part of a transaction that goes on behind it. */
function inTransaction(work: (db: Database) => Promise<unknown>): { done: Promise<unknown>; pid: Promise<number> } {
  let tell: (pid: number) => void = () => undefined
  const pid = new Promise<number>((resolve) => (tell = resolve))
  const done = world.db.transaction().execute(async (tx) => {
    tell((await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)).rows[0]?.pid ?? 0)
    return work(asDatabase(tx))
  })
  return { done, pid }
}

async function waitsForLock(pid: number): Promise<boolean> {
  const { rows } = await sql<{ blockers: number }>`select cardinality(pg_blocking_pids(${pid})) as blockers`.execute(
    world.db,
  )
  return (rows[0]?.blockers ?? 0) > 0
}

const lockCronjob = (tx: Transaction<Schema>, id: string) =>
  sql`select 1 from cronjobs where id = ${id} for update`.execute(tx)

describe('who locks several rows', () => {
  it('a cancellation takes the cronjob before its run', async () => {
    const job = await world.cronjob('exit 0', { concurrency: 'queue' })
    const run = await world.queue(job, { held: true })
    const { done } = await world.db.transaction().execute(async (tx) => {
      await lockCronjob(tx, job)
      const cancelling = inTransaction((db) => cancelRun(db, world.database.projectId, run, 'anna'))
      const pid = await cancelling.pid
      await waitFor('the cancellation to wait', () => waitsForLock(pid))
      await sql`update runs set message = 'mine' where id = ${run}`.execute(tx)
      return cancelling
    })
    await done
    expect(await world.run(run)).toMatchObject({ state: 'cancelled', cancel_by: 'anna' })
  })

  it('a manifest takes its cronjobs by their ids, whatever their names are', async () => {
    const project = { id: newId('prj'), name: 'locks' }
    await world.db.insertInto('projects').values(project).execute()
    const first = await createCronjob(world.db, project.id, { name: 'zeta', ...cronjobSpec() })
    const second = await createCronjob(world.db, project.id, { name: 'alpha', ...cronjobSpec() })
    const changed = { schedule: '7 * * * *', image: 'alpine' }
    const manifest = manifestSchema.parse({ version: 1, cronjobs: { alpha: changed, zeta: changed } })
    const { done } = await world.db.transaction().execute(async (tx) => {
      await lockCronjob(tx, first.id)
      const applying = inTransaction((db) =>
        applyManifest({ db, box, project, by: null }, { manifest, dryRun: false, prune: false }),
      )
      const pid = await applying.pid
      await waitFor('the manifest to wait', () => waitsForLock(pid))
      await lockCronjob(tx, second.id)
      return applying
    })
    expect(await done).toMatchObject({ changes: [{ action: 'update' }, { action: 'update' }] })
  })
})
