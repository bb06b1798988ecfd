import { randomInt } from 'node:crypto'
import type { Log } from '../log.ts'
import { hasSystemCode } from '../store/database-errors.ts'
import { CONNECTIONS_PER_PROJECT } from './database-statements.ts'
import { type Forwarder, openForwarder } from './forwarder.ts'

/** Connections of all projects together; the embedded PostgreSQL has 300, and the platform needs some of its own. */
const CONNECTIONS_OF_ALL = 240
/** Below what the system takes for connections that go out, so that after a restart the port is free. */
const FIRST_PORT = 20_000
const LAST_PORT = 29_999
const TRIES = 50

export interface Place {
  readonly host: string
  /** Whence units connect, in CIDR notation. */
  readonly subnet: string
}

export interface ForwardersDeps {
  readonly target: { readonly host: string; readonly port: number }
  readonly log: Pick<Log, 'warn'>
}

interface Open extends Place {
  readonly forwarder: Forwarder
}

/** The forwarders of all projects; at most one each. Calls about one project must not overlap. */
export class Forwarders {
  readonly #deps: ForwardersDeps
  readonly #open = new Map<string, Open>()
  readonly #used = new Map<string, number>()
  #usedByAll = 0

  constructor(deps: ForwardersDeps) {
    this.#deps = deps
  }

  /**
   * Makes sure that the project's units at this place reach the target.
   *
   * @param wanted the port that units may have been told before; another one is taken only if it is not free
   * @returns the port; null when the place's host is no address of this machine
   */
  async ensure(projectId: string, place: Place, wanted: number | null): Promise<number | null> {
    const open = this.#open.get(projectId)
    if (open?.host === place.host && open.subnet === place.subnet) return open.forwarder.port
    if (open !== undefined) await this.close(projectId)
    await this.#closeOthersAt(place)
    const forwarder = await this.#listen(projectId, place, wanted)
    if (forwarder === null) return null
    this.#open.set(projectId, { ...place, forwarder })
    return forwarder.port
  }

  async close(projectId: string): Promise<void> {
    const open = this.#open.get(projectId)
    this.#open.delete(projectId)
    await open?.forwarder.close()
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((projectId) => this.close(projectId)))
  }

  /** Two networks never have one gateway at a time: the other project's is gone, and another one is made at its next start. */
  async #closeOthersAt({ host }: Place): Promise<void> {
    if (host === LOOPBACK) return
    for (const [projectId, open] of this.#open) if (open.host === host) await this.close(projectId)
  }

  async #listen(projectId: string, place: Place, wanted: number | null): Promise<Forwarder | null> {
    for (let attempt = 0; ; attempt += 1) {
      const port = attempt === 0 && wanted !== null ? wanted : randomInt(FIRST_PORT, LAST_PORT + 1)
      try {
        const { target } = this.#deps
        const isGateway = place.host !== LOOPBACK
        return await openForwarder({ ...place, port, target, isGateway, ...this.#admission(projectId) })
      } catch (error) {
        if (hasSystemCode(error, 'EADDRNOTAVAIL')) return null
        if (!hasSystemCode(error, 'EADDRINUSE') || attempt === TRIES) throw error
        if (port === wanted) {
          const what = 'the port that containers of a project know for its database is taken by another program'
          this.#deps.log.warn({ project: projectId, host: place.host, port }, `${what}: they need a restart`)
        }
      }
    }
  }

  #admission(projectId: string) {
    let warned = false
    return {
      enter: (): boolean => {
        const used = this.#used.get(projectId) ?? 0
        if (used >= CONNECTIONS_PER_PROJECT || this.#usedByAll >= CONNECTIONS_OF_ALL) return false
        this.#used.set(projectId, used + 1)
        this.#usedByAll += 1
        return true
      },
      leave: (): void => {
        this.#used.set(projectId, (this.#used.get(projectId) ?? 1) - 1)
        this.#usedByAll -= 1
      },
      onStranger: (address: string): void => {
        if (warned) return
        warned = true
        const what = "somebody outside of a project's network tried to reach its database and was turned away"
        this.#deps.log.warn({ project: projectId, address }, what)
      },
    }
  }
}

export const LOOPBACK = '127.0.0.1'
