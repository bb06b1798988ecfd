import { createHash } from 'node:crypto'
import type { PublishedPort } from '@pandastack/contract'
import { z } from 'zod'
import type {
  Capabilities,
  EngineInfo,
  EnsuredImage,
  EnsureImageOptions,
  ExecRequest,
  HostAccess,
  LogChunk,
  LogOptions,
  MayGoOn,
  RunningExec,
  RuntimeDriver,
  UnitOwner,
  UnitSpec,
  UnitStatus,
  UnitSummary,
  UnitUsage,
} from '../driver.ts'
import { RuntimeError } from '../driver.ts'
import { containerAddress } from './address.ts'
import type { DockerEndpoint } from './endpoint.ts'
import { EngineApi, refusal } from './engine-api.ts'
import { engineHistory } from './engine-history.ts'
import { execInContainer } from './exec.ts'
import { ensureImage } from './images.ts'
import { inspectContainer, stateOf, toStatus } from './inspect.ts'
import { fromEngineLabels, installationFilter } from './labels.ts'
import { readLog } from './log-reader.ts'
import { networkAccess } from './network-access.ts'
import { removeUnusedNetworks } from './networks.ts'
import { type Quirks, quirksOf } from './quirks.ts'
import { removeContainer, stopContainer } from './remove.ts'
import { startUnit } from './start.ts'
import { readUsage } from './usage.ts'
import { waitForExit } from './wait.ts'
import { watchExits } from './watch.ts'

export interface DockerDriverOptions {
  readonly endpoint: DockerEndpoint
  /** A pull that tells nothing new for so long is given up. Default 120 s. */
  readonly noProgressMs?: number
}

const VERSION = z.object({ Version: z.string(), Components: z.array(z.object({ Name: z.string() })).nullish() })
const INFO = z.object({ ID: z.string().nullish(), Name: z.string().nullish(), DockerRootDir: z.string().nullish() })
const LISTED = z.array(
  z.object({ Names: z.array(z.string()), Labels: z.record(z.string(), z.string()).nullish(), State: z.string() }),
)
const NO_PROGRESS_MS = 120_000

/**
 * Docker Engine over its socket, and what speaks the same language: `quirks.ts` holds the differences. It asks who is
 * there at the first call that is answered, so it can be made before the engine is up.
 */
export class DockerDriver implements RuntimeDriver {
  readonly name = 'docker'
  readonly #api: EngineApi
  readonly #noProgressMs: number
  readonly #networks = new Map<string, Promise<void>>()
  /** At most one entry for each start that an engine has left without an answer. */
  readonly #unanswered = new Set<string>()
  readonly #starting = new Map<string, Promise<unknown>>()
  #known: Quirks | null = null

  constructor(options: DockerDriverOptions) {
    this.#api = new EngineApi(options.endpoint)
    this.#noProgressMs = options.noProgressMs ?? NO_PROGRESS_MS
  }

  get address(): string {
    return this.#api.address
  }

  /** Until the engine has answered once: those of Docker. */
  get capabilities(): Capabilities {
    const { reportsOutOfMemory, logTimeResolutionMs, checksCommand } = this.#known ?? quirksOf([])
    const fixed = { isolation: true, survivesServer: true, images: true }
    return { ...fixed, reportsOutOfMemory, logTimeResolutionMs, checksCommand }
  }

  async #quirks(signal: AbortSignal | undefined): Promise<Quirks> {
    signal?.throwIfAborted()
    if (this.#known !== null) return this.#known
    const version = VERSION.parse(await read(this.#api, '/version', signal))
    this.#known = quirksOf((version.Components ?? []).map(({ Name }) => Name))
    return this.#known
  }

  async info(signal?: AbortSignal): Promise<EngineInfo> {
    const { engine } = await this.#quirks(signal)
    const version = VERSION.parse(await read(this.#api, '/version', signal))
    const info = INFO.parse(await read(this.#api, '/info', signal))
    // Docker's id alone is the machine's, shared by several engines on it; Podman makes up a new one for each answer.
    const own = engine === 'Docker' ? (info.ID ?? '') : (info.Name ?? '')
    const id = createHash('sha256')
      .update(`${engine}\n${own}\n${info.DockerRootDir ?? ''}`)
      .digest('hex')
    const { address } = this
    return { id: id.slice(0, 32), version: `${engine} ${version.Version}`, address, warning: null }
  }

  async ensureImage(image: string, options: EnsureImageOptions): Promise<EnsuredImage> {
    return ensureImage(this.#api, await this.#quirks(options.signal), image, {
      ...options,
      noProgressMs: this.#noProgressMs,
    })
  }

  async start(unit: UnitSpec, signal?: AbortSignal, mayGoOn?: MayGoOn): Promise<{ adopted: boolean }> {
    const quirks = await this.#quirks(signal)
    // One at a time per name: a start that overlaps with another one could run a unit again that has just exited.
    const before = this.#starting.get(unit.name)
    const context = { api: this.#api, quirks, networks: this.#networks, unanswered: this.#unanswered }
    const mine = Promise.allSettled([before]).then(async () => startUnit(context, unit, signal, mayGoOn))
    this.#starting.set(unit.name, mine)
    try {
      return await mine
    } finally {
      if (this.#starting.get(unit.name) === mine) this.#starting.delete(unit.name)
    }
  }

  async inspect(name: string, signal?: AbortSignal): Promise<UnitStatus | null> {
    const found = await inspectContainer(this.#api, name, signal)
    if (found === null) return null
    return toStatus(found, async (startedAt) => engineHistory(this.#api, await this.#quirks(signal), startedAt, signal))
  }

  async wait(name: string, signal?: AbortSignal): Promise<UnitStatus | null> {
    return waitForExit(this.#api, name, async (aborted) => this.inspect(name, aborted), signal)
  }

  async list(installation: string, signal?: AbortSignal): Promise<UnitSummary[]> {
    const filters = JSON.stringify({ label: [installationFilter(installation)] })
    const request = { method: 'GET', path: '/containers/json', query: { all: true, filters }, signal } as const
    const answer = await this.#api.call({ ...request, timeoutMs: 60_000 })
    if (answer.status !== 200) throw new RuntimeError('engine-away', `units cannot be listed: ${refusal(answer)}`)
    return LISTED.parse(answer.body).flatMap(({ Names, Labels, State }) => {
      const labels = fromEngineLabels(Labels ?? {})
      const name = Names[0]?.replace(/^\//, '')
      return labels === null || name === undefined ? [] : [{ name, labels, state: stateOf(State) }]
    })
  }

  async *logs(name: string, options: LogOptions): AsyncGenerator<LogChunk> {
    const stateNow = async (signal: AbortSignal | undefined) => {
      const found = await inspectContainer(this.#api, name, signal)
      return found === null ? null : stateOf(found.State.Status)
    }
    const quirks = async () => this.#quirks(options.signal)
    yield* readLog({ api: this.#api, quirks, stateOf: stateNow }, name, options)
  }

  async addressOf(name: string, port: number, published: PublishedPort | null, signal?: AbortSignal) {
    return containerAddress(this.#api, name, port, published, signal)
  }

  async stop(name: string, graceMs: number, signal?: AbortSignal): Promise<void> {
    return stopContainer(this.#api, name, graceMs, signal)
  }

  async remove(name: string, signal?: AbortSignal): Promise<void> {
    await removeContainer(this.#api, name, signal)
    this.#unanswered.delete(name)
  }

  exec(name: string, request: ExecRequest, signal?: AbortSignal): Promise<RunningExec> {
    return execInContainer(this.#api, name, request, signal)
  }

  usage(names: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, UnitUsage>> {
    return readUsage(this.#api, names, signal)
  }

  watch(installation: string, signal: AbortSignal): AsyncIterable<{ name: string }> {
    return watchExits(this.#api, installation, signal)
  }

  /** Asks each time: a network that was removed and made anew may have other addresses. */
  async hostAccess(owner: UnitOwner, signal?: AbortSignal): Promise<HostAccess> {
    return networkAccess(this.#api, owner, signal)
  }

  /** Removes project networks that no unit uses. @returns how many. */
  async cleanNetworks(installation: string, signal?: AbortSignal): Promise<number> {
    this.#networks.clear()
    return removeUnusedNetworks(this.#api, installation, signal)
  }

  async close(): Promise<void> {
    this.#api.close()
  }
}

async function read(api: EngineApi, path: string, signal: AbortSignal | undefined): Promise<unknown> {
  const answer = await api.call({ method: 'GET', path, signal })
  if (answer.status === 200) return answer.body
  throw new RuntimeError('engine-away', `the engine at ${api.address} refused ${path}: ${refusal(answer)}`)
}
