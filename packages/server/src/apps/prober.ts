import { type AppSpec, parseDuration, parseHttpProbe, parsePublishedPort, type Probe } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import { reach } from '../fault-points.ts'
import type { Log } from '../log.ts'
import { type RuntimeDriver, RuntimeError, unitName } from '../runtime/driver.ts'
import type { Database } from '../store/database.ts'
import { askHttp, type ProbeTrouble } from './ask-http.ts'
import { wakeOf } from './instance-writes.ts'

export interface ProberDeps {
  readonly db: Database
  readonly driver: Pick<RuntimeDriver, 'addressOf'>
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Pick<Log, 'warn'>
  readonly serverId: string
}

interface Candidate {
  readonly id: string
  readonly attempt: number
  readonly probe: Probe
  readonly port: AppSpec['port']
}

/**
 * Asks the instances of this server that are not ready and whose revision has a probe, each on its own, until they are.
 * What the last try met is the instance's `message`, and with that the reason of a deploy that fails.
 */
export class Prober {
  readonly #deps: ProberDeps
  /** By unit, so that a restarted instance is another one. */
  readonly #watches = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>()

  constructor(deps: ProberDeps) {
    this.#deps = deps
  }

  /** Begins to ask those that are new and leaves those that need it no more; waits for no answer. */
  async pass(): Promise<void> {
    const wanted = new Map((await this.#candidates()).map((each) => [unitName(each.id, each.attempt), each]))
    for (const [unit, { stop }] of this.#watches) if (!wanted.has(unit)) stop.abort()
    for (const [unit, candidate] of wanted) {
      if (this.#watches.has(unit)) continue
      const stop = new AbortController()
      const ended = this.#watch(unit, candidate, stop.signal).finally(() => this.#watches.delete(unit))
      this.#watches.set(unit, { stop, ended })
    }
  }

  async stop(): Promise<void> {
    const watches = [...this.#watches.values()]
    for (const { stop } of watches) stop.abort()
    await Promise.all(watches.map(({ ended }) => ended))
  }

  async #candidates(): Promise<readonly Candidate[]> {
    const { rows } = await sql<Candidate>`
      select i.id, i.attempt, v.spec -> 'probe' as probe, v.spec ->> 'port' as port
      from app_instances i join app_revisions v on v.app_id = i.app_id and v.revision = i.revision
      where i.state = 'running' and i.phase = 'running' and i.ready_at is null and i.cancel_reason is null
        and i.server_id = ${this.#deps.serverId} and v.spec ->> 'probe' is not null`.execute(this.#deps.db)
    return rows
  }

  async #watch(unit: string, candidate: Candidate, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    while (!signal.aborted) {
      try {
        const trouble = await this.#ask(unit, candidate, signal)
        await this.#note(candidate, trouble)
        if (trouble === null) return
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error, unit }, 'a probe failed; it is tried again')
      }
      await clock.sleep(parseDuration(candidate.probe.interval), signal)
    }
  }

  async #ask(unit: string, { probe, port }: Candidate, signal: AbortSignal): Promise<ProbeTrouble> {
    const wanted = parseHttpProbe(probe.http)
    const published = port === null ? null : parsePublishedPort(port)
    const of = `its probe ${probe.http}`
    try {
      const address = await this.#deps.driver.addressOf(unit, wanted.port, published, signal)
      if (address === null) return `${of} had nobody to ask: it does not run`
      const trouble = await askHttp(address, wanted, parseDuration(probe.timeout), signal)
      return trouble === null ? null : `${of} ${trouble}`
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error
      return `${of} could not be asked: ${error.message}`
    }
  }

  /** Only while it is this server's: another one may have adopted it meanwhile and asks by itself. */
  async #note({ id, attempt }: Candidate, trouble: ProbeTrouble): Promise<void> {
    const { db, serverId } = this.#deps
    const ours = sql`i.id = ${id} and i.attempt = ${attempt} and i.server_id = ${serverId} and i.state = 'running'
      and i.ready_at is null`
    if (trouble === null) {
      await sql`update app_instances i set ready_at = panda_now(), message = null where ${ours}`.execute(db)
      await wakeOf(id).execute(db)
      reach('instance-ready')
      return
    }
    const message = `was not ready: ${trouble}`
    await sql`
      update app_instances i set message = ${message} where ${ours} and i.message is distinct from ${message}`.execute(
      db,
    )
  }
}
