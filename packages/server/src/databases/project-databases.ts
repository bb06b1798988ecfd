import { randomBytes } from 'node:crypto'
import { PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Log } from '../log.ts'
import type { ProjectRef } from '../projects/project-directory.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import type { SecretBox } from '../settings/secret-box.ts'
import { SealError } from '../settings/secret-box.ts'
import type { Database } from '../store/database.ts'
import { isTransient, retryTransient } from '../store/transient.ts'
import { type Account, closeToPublic, dropDatabase, makeDatabase } from './database-statements.ts'
import { Forwarders } from './forwarders.ts'

export interface ProjectDatabasesDeps {
  readonly db: Database
  readonly box: SecretBox
  readonly clock: Clock
  readonly log: Pick<Log, 'warn' | 'info'>
  readonly driver: Pick<RuntimeDriver, 'name' | 'hostAccess'>
  readonly installation: string
  /** Where the embedded PostgreSQL listens; null = the platform works on one of somebody else's. */
  readonly embedded: { readonly host: string; readonly port: number } | null
}

/** Why a project gets no database, for people; `null` where it gets one. */
const NOT_EMBEDDED =
  'the platform works on a PostgreSQL of yours (its own DATABASE_URL), where it makes no databases for projects'
const NOTHING_RUNS = 'this runtime starts nothing that could connect'
/** 144 bits. */
const PASSWORD_BYTES = 18

/**
 * A database of its own in the embedded PostgreSQL for each project that names no store for its queues and events. Made
 * when it is first needed, dropped after its project. What is made step by step is made so that each step can be done
 * again: a server that is killed in between leaves nothing that the next call does not finish.
 */
export class ProjectDatabases implements Component {
  readonly name = 'project databases'
  readonly #deps: ProjectDatabasesDeps
  readonly #forwarders: Forwarders | null
  readonly #accounts = new Map<string, Promise<Account | null>>()
  /** Why the units of a project cannot reach it, by project id. */
  readonly #unreachable = new Map<string, string>()
  readonly #places = new Map<string, string>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(deps: ProjectDatabasesDeps) {
    this.#deps = deps
    const { embedded, log, driver } = deps
    this.#forwarders =
      embedded === null || driver.hostAccess === undefined ? null : new Forwarders({ target: embedded, log })
  }

  /** Drops what belongs to no project any more, and opens again what running units were told. */
  async start(): Promise<void> {
    if (this.#deps.embedded === null) return
    await closeToPublic(this.#deps.db)
    await this.dropDeleted()
    if (this.#forwarders !== null) await this.#inTurn(() => this.#reopen())
  }

  /** The units go on; they connect again to the next server. */
  async stop(): Promise<void> {
    await this.#inTurn(async () => this.#forwarders?.closeAll())
  }

  /** Why no project gets a database here; null = they do. */
  get unavailable(): string | null {
    if (this.#deps.embedded === null) return NOT_EMBEDDED
    return this.#forwarders === null ? NOTHING_RUNS : null
  }

  /** Why the units of this project could not be given it at the last start; null = they were, or none was started. */
  unreachable(projectId: string): string | null {
    return this.#unreachable.get(projectId) ?? null
  }

  /**
   * The project's account, made now if it has none.
   *
   * @returns null where projects get none, and when the project is gone
   * @throws PandaError `internal` when PostgreSQL refuses; the database's own error while it is away
   */
  account(projectId: string): Promise<Account | null> {
    if (this.#forwarders === null) return Promise.resolve(null)
    const known = this.#accounts.get(projectId)
    if (known !== undefined) return known
    const made = this.#make(projectId)
    this.#accounts.set(projectId, made)
    made.then(
      (account) => account === null && this.#accounts.delete(projectId),
      () => this.#accounts.delete(projectId),
    )
    return made
  }

  /**
   * The URL for the project's units. Its port stays the same over restarts of the server.
   *
   * @returns null when they cannot reach it: see {@link unreachable}
   * @throws RuntimeError as the driver's `hostAccess`
   */
  async urlForUnits(project: ProjectRef, account: Account): Promise<string | null> {
    const { driver, installation, log } = this.#deps
    const access = await driver.hostAccess?.({ installation, project: project.name })
    if (access === undefined) return null
    const port = access.kind === 'none' ? null : await this.#inTurn(() => this.#open(project.id, access))
    if (access.kind === 'address' && port !== null) {
      this.#unreachable.delete(project.id)
      return urlOf(account, access.host, port)
    }
    const why = access.kind === 'none' ? access.why : `${access.host} is not an address of this machine`
    if (!this.#unreachable.has(project.id)) {
      const what =
        'the containers of a project cannot be given a database of the platform: set DATABASE_URL or REDIS_URL'
      log.warn({ project: project.name, why }, what)
    }
    this.#unreachable.set(project.id, why)
    return null
  }

  /** The URL for this server itself; null when the project has no database (none is made by asking). */
  async urlForServer(projectId: string): Promise<string | null> {
    const { embedded, db } = this.#deps
    if (embedded === null || this.#forwarders === null) return null
    if (!this.#accounts.has(projectId)) {
      const query = db.selectFrom('project_databases').select('role').where('project_id', '=', projectId)
      if ((await query.executeTakeFirst()) === undefined) return null
    }
    const account = await this.account(projectId)
    return account === null ? null : urlOf(account, embedded.host, embedded.port)
  }

  /** Drops the databases of projects that are gone. What cannot be dropped now is dropped at the next call or start. */
  async dropDeleted(): Promise<void> {
    const { db, log, embedded } = this.#deps
    if (embedded === null) return
    const { rows } = await sql<{ project_id: string; role: string }>`
      select d.project_id, d.role from project_databases d
      where not exists (select 1 from projects p where p.id = d.project_id)`.execute(db)
    for (const { project_id: projectId, role } of rows) {
      try {
        await this.#accounts.get(projectId)?.catch(() => undefined)
        this.#accounts.delete(projectId)
        this.#places.delete(projectId)
        await this.#inTurn(async () => this.#forwarders?.close(projectId))
        await dropDatabase(db, role)
        await db.deleteFrom('project_databases').where('project_id', '=', projectId).execute()
      } catch (err) {
        log.warn({ err, role }, 'the database of a deleted project could not be dropped; it is tried again later')
      }
    }
  }

  async #make(projectId: string): Promise<Account | null> {
    try {
      return await this.#makeOnce(projectId)
    } catch (cause) {
      if (isTransient(cause)) throw cause
      const detail = cause instanceof Error ? cause.message : String(cause)
      throw new PandaError('internal', `The project's database could not be made: ${detail}.`, {
        hint: 'Name one of your own: panda env set DATABASE_URL=…',
        cause,
      })
    }
  }

  async #makeOnce(projectId: string): Promise<Account | null> {
    const { db, log } = this.#deps
    const row = await this.#ensureRow(projectId)
    if (row === null) return null
    const account = { role: row.role, password: await this.#passwordOf(projectId, row) }
    // Also if it is there: a role may set a password of its own, which then is not what units are told.
    await makeDatabase(db, account)
    if (row.ready_at === null) {
      await db
        .updateTable('project_databases')
        .set({ ready_at: sql<Date>`now()` })
        .where('project_id', '=', projectId)
        .execute()
      log.info({ project: projectId, database: row.role }, 'made a database for a project')
    }
    return account
  }

  async #ensureRow(projectId: string) {
    const { db, box } = this.#deps
    const role = `panda_p_${projectId.replace(/^[a-z]+_/, '')}`
    const sealed = box.seal(newPassword(), sealContext(projectId))
    await sql`insert into project_databases (project_id, role, password)
      select id, ${role}, ${sealed} from projects where id = ${projectId} on conflict do nothing`.execute(db)
    const query = db.selectFrom('project_databases').select(['role', 'password', 'ready_at'])
    return (await query.where('project_id', '=', projectId).executeTakeFirst()) ?? null
  }

  /** One that another key has sealed is replaced: unlike the user's secrets, it is ours to choose. */
  async #passwordOf(projectId: string, row: { readonly password: Buffer }): Promise<string> {
    const { db, box } = this.#deps
    try {
      return box.open(row.password, sealContext(projectId))
    } catch (error) {
      if (!(error instanceof SealError)) throw error
    }
    const password = newPassword()
    const sealed = box.seal(password, sealContext(projectId))
    await db.updateTable('project_databases').set({ password: sealed }).where('project_id', '=', projectId).execute()
    return password
  }

  async #open(projectId: string, { host, subnet }: { host: string; subnet: string }): Promise<number | null> {
    const { db, clock } = this.#deps
    const rows = db.selectFrom('project_databases').select('port').where('project_id', '=', projectId)
    const before = await retryTransient(() => rows.executeTakeFirst(), { clock })
    if (before === undefined || this.#forwarders === null) return null
    const port = await this.#forwarders.ensure(projectId, { host, subnet }, before.port)
    if (port === null) return null
    const place = `${host} ${subnet} ${port}`
    if (this.#places.get(projectId) === place) return port
    const update = db.updateTable('project_databases').set({ host, subnet, port }).where('project_id', '=', projectId)
    await retryTransient(() => update.execute(), { clock })
    this.#places.set(projectId, place)
    return port
  }

  async #reopen(): Promise<void> {
    const { db, log } = this.#deps
    const rows = await db.selectFrom('project_databases').select(['project_id', 'host', 'subnet', 'port']).execute()
    for (const { project_id: projectId, host, subnet, port } of rows) {
      if (host === null || subnet === null || port === null) continue
      try {
        await this.#forwarders?.ensure(projectId, { host, subnet }, port)
      } catch (err) {
        log.warn({ err, project: projectId }, 'the database of a project cannot be reached by its containers')
      }
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}

function newPassword(): string {
  return randomBytes(PASSWORD_BYTES).toString('base64url')
}

function sealContext(projectId: string): readonly string[] {
  return ['project database', projectId]
}

function urlOf({ role, password }: Account, host: string, port: number): string {
  return `postgres://${role}:${password}@${host}:${port}/${role}`
}
