import { PandaError, parsePublishedPort, portsOverlap } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import { isLive } from './states.ts'

/** Of the transactions that give out ports: one at a time, so that two apps never get the same one. */
const LOCK_KEY = 0x70616e646170

export interface PortClaim {
  /** Null = it is being made. */
  readonly appId: string | null
  readonly name: string
  readonly projectId: string
  readonly replicas: number
  /** As the new revision publishes it; null = it publishes none. */
  readonly port: string | null
}

/**
 * Holds the port for the app until the end of the transaction, in which its new revision is stored.
 *
 * @throws PandaError `port_one_instance`, `port_taken` when another app of the installation publishes it
 */
export async function claimPort(trx: Queryable, claim: PortClaim): Promise<void> {
  const { port } = claim
  if (port === null) return
  assertOneInstance(claim.name, port, claim.replicas)
  await sql`select pg_advisory_xact_lock(${LOCK_KEY})`.execute(trx)
  const wanted = parsePublishedPort(port)
  const taken = (await readHolders(trx, claim.appId)).find((held) =>
    portsOverlap(parsePublishedPort(held.port), wanted),
  )
  if (taken === undefined) return
  const where = `port ${wanted.hostPort} of ${wanted.address}`
  if (taken.deleted && taken.projectId === claim.projectId) {
    throw new PandaError('port_taken', `The ${where} is still held by the app "${taken.name}", which was deleted.`, {
      hint: 'Its instance ends within its drain time: repeat the deploy then.',
    })
  }
  if (taken.projectId === claim.projectId) {
    throw new PandaError('port_taken', `The ${where} is published by the app "${taken.name}" of this project.`, {
      hint: `Publish another port, or take it from that app: panda app deploy ${taken.name} --port none`,
    })
  }
  // Names of other projects are not this one's to know.
  throw new PandaError('port_taken', `The ${where} is published by an app of another project.`, {
    hint: 'Publish another port of the machine.',
  })
}

/** @throws PandaError `port_one_instance` */
export function assertOneInstance(name: string, port: string | null, replicas: number): void {
  if (port === null || replicas <= 1) return
  const { hostPort } = parsePublishedPort(port)
  throw new PandaError(
    'port_one_instance',
    `The app "${name}" publishes port ${hostPort} of the machine, which only one instance can have; ${replicas} are wanted.`,
    {
      hint: `Run one: --replicas 1, panda app scale ${name} 1; or publish nothing: panda app deploy ${name} --port none`,
    },
  )
}

interface Holder {
  readonly name: string
  readonly projectId: string
  readonly port: string
  readonly deleted: boolean
}

/** Other apps' ports: of the newest revision, of the one that serves (a failed deploy goes back to it), and of what runs. */
async function readHolders(trx: Queryable, appId: string | null): Promise<Holder[]> {
  const { rows } = await sql<Holder>`
    select a.name, a.project_id as "projectId", v.spec ->> 'port' as port, a.deleted_at is not null as deleted
    from app_revisions v join apps a on a.id = v.app_id
    where v.spec ->> 'port' is not null and a.id is distinct from ${appId} and (
      (a.deleted_at is null and v.revision in (a.revision, a.ready_revision)) or exists (
        select 1 from app_instances i where i.app_id = a.id and i.revision = v.revision and ${isLive}))
    order by a.deleted_at nulls first, a.id`.execute(trx)
  return rows
}
