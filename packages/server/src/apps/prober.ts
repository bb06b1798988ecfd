import {
  type AppSpec,
  PandaError,
  parseDuration,
  parseHttpProbe,
  parsePublishedPort,
  type Probe,
} from '@pandastack/contract'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import { secretValues } from '../executor/environment.ts'
import type { LoadSettings } from '../executor/ports.ts'
import { reach } from '../fault-points.ts'
import type { Log } from '../log.ts'
import { createRedactor } from '../logs/redact.ts'
import { type RuntimeDriver, RuntimeError, unitName } from '../runtime/driver.ts'
import type { Database } from '../store/database.ts'
import { CommandAsker } from './ask-command.ts'
import { askHttp, type ProbeTrouble } from './ask-http.ts'
import { wakeOf } from './instance-writes.ts'

/** Of a command, in a message. */
const NAME_CHARACTERS = 60

export interface ProberDeps {
  readonly db: Database
  readonly driver: Pick<RuntimeDriver, 'addressOf' | 'exec'>
  /** For the secrets that the output of a command may hold. */
  readonly loadSettings: LoadSettings
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Pick<Log, 'warn'>
  readonly serverId: string
}

interface Candidate {
  readonly id: string
  readonly attempt: number
  readonly appId: string
  readonly projectId: string
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
      const ended = this.#watch(unit, candidate, stop.signal).finally(() => {
        stop.abort() // commands that were left behind are not read any more
        this.#watches.delete(unit)
      })
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
      select i.id, i.attempt, i.app_id as "appId", i.project_id as "projectId", v.spec -> 'probe' as probe, v.spec ->> 'port' as port
      from app_instances i join app_revisions v on v.app_id = i.app_id and v.revision = i.revision
      where i.state = 'running' and i.phase = 'running' and i.ready_at is null and i.cancel_reason is null
        and i.server_id = ${this.#deps.serverId} and v.spec ->> 'probe' is not null`.execute(this.#deps.db)
    return rows
  }

  async #watch(unit: string, candidate: Candidate, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    const ask = this.#asker(unit, candidate)
    while (!signal.aborted) {
      try {
        const trouble = await asked(ask, signal)
        await this.#note(candidate, trouble)
        if (trouble === null) return
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error, unit }, 'a probe failed; it is tried again')
      }
      await clock.sleep(parseDuration(candidate.probe.interval), signal)
    }
  }

  #asker(unit: string, candidate: Candidate): Ask {
    const { http, command } = candidate.probe
    if (command !== undefined) return this.#commandAsker(unit, candidate, command)
    if (http !== undefined) return this.#httpAsker(unit, candidate, http)
    throw new Error(`the probe of ${unit} asks nothing`)
  }

  #httpAsker(unit: string, { probe, port }: Candidate, http: string): Ask {
    const wanted = parseHttpProbe(http)
    const published = port === null ? null : parsePublishedPort(port)
    const limitMs = parseDuration(probe.timeout)
    return async (signal) => {
      const address = await this.#deps.driver.addressOf(unit, wanted.port, published, signal)
      const trouble =
        address === null ? 'had nobody to ask: it does not run' : await askHttp(address, wanted, limitMs, signal)
      return trouble === null ? null : `its probe ${http} ${trouble}`
    }
  }

  #commandAsker(unit: string, { probe, appId, projectId }: Candidate, command: readonly string[]): Ask {
    const { driver, clock, loadSettings } = this.#deps
    const redact = (line: string) => redactLine(loadSettings, projectId, appId, line)
    const asker = new CommandAsker({ driver, clock, redact }, unit)
    const limitMs = parseDuration(probe.timeout)
    const words = command.join(' ')
    const name = words.length <= NAME_CHARACTERS ? words : `${words.slice(0, NAME_CHARACTERS - 1)}…`
    return async (signal) => {
      const trouble = await asker.ask(command, limitMs, signal)
      return trouble === null ? null : `its probe "${name}" ${trouble}`
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

/** One try. */
type Ask = (signal: AbortSignal) => Promise<ProbeTrouble>

async function asked(ask: Ask, signal: AbortSignal): Promise<ProbeTrouble> {
  try {
    return await ask(signal)
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error
    return `its probe could not be asked: ${error.message}`
  }
}

/** The line is stored as a message, which more people see than a log. */
async function redactLine(
  loadSettings: LoadSettings,
  projectId: string,
  appId: string,
  text: string,
): Promise<string | null> {
  try {
    const settings = await loadSettings(projectId, [appId])
    const line = { stream: 'stdout', time: new Date(), text, endOfLine: true, cursor: '' } as const
    return createRedactor(secretValues({ settings, cronjobId: appId })).redact(line).text
  } catch (error) {
    if (error instanceof PandaError) return null // a secret that cannot be read: nobody can say what may be shown
    throw error
  }
}
