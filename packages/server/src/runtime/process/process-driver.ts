import { EventEmitter } from 'node:events'
import { mkdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import type { PublishedPort } from '@pandastack/contract'
import type { Logger } from 'pino'
import { systemClock } from '../../clock.ts'
import { reach } from '../../fault-points.ts'
import type { PolicyGaps } from '../container-policy.ts'
import {
  ExecRefusal,
  type Capabilities,
  type EngineInfo,
  type EnsuredImage,
  type EnsureImageOptions,
  type HostAccess,
  type LogChunk,
  type LogOptions,
  type MayGoOn,
  type RunningExec,
  type RuntimeDriver,
  type UnitOwner,
  type UnitSpec,
  type UnitStatus,
  type UnitSummary,
  type UnitUsage,
} from '../driver.ts'
import { resolveCommand } from './command.ts'
import { launchSupervisor } from './launch.ts'
import { DEFAULT_SEGMENT_LIMITS, type SegmentLimits } from './log-segments.ts'
import { isAlive, signalGroup } from './process-start-time.ts'
import { assertFree, machineAddress, withPort } from './ports.ts'
import { readUsage } from './process-usage.ts'
import { readSegments } from './read-segments.ts'
import { createUnitFolder, folderName, listUnitFolders, readOrMakeId } from './unit-folder.ts'
import { readUnitFile, removeUnitFolder, sweepUnitFolders } from './unit-folder.ts'
import { readStatus } from './unit-status.ts'

/** A unit of another server tells nothing, so whoever waits looks again this often. */
const POLL_MS = 100
/** A killed unit writes its record within this; then its supervisor is killed too. */
const REMOVE_LIMIT_MS = 5000

export interface ProcessDriverOptions {
  /** PANDA_HOME; the units live in `process/units` below it. */
  readonly home: string
  readonly log: Pick<Logger, 'warn'>
  readonly limits?: SegmentLimits
}

/**
 * Plain child processes, for development on a machine without a container engine. No isolation, no limits, no images:
 * the command is run on the host. Each unit has a supervisor of its own (about 45 MB and 60 ms), so units go on when
 * the server dies and are taken over by the next one that has the same home.
 */
export function createProcessDriver(options: ProcessDriverOptions): RuntimeDriver {
  const root = resolve(options.home, 'process')
  const units = join(root, 'units')
  mkdirSync(units, { recursive: true, mode: 0o700 })
  sweepUnitFolders(units)
  const id = readOrMakeId(root)
  options.log.warn(WARNING)
  return new ProcessDriver(units, id, options.limits ?? DEFAULT_SEGMENT_LIMITS)
}

const WARNING =
  'no container engine is used: commands run as plain processes on this machine, with all rights of the server, ' +
  'without isolation and limits; images are ignored. For development only.'

const AS_THE_SERVER = 'a plain process has the rights of the server, which cannot take them away without an engine'
const NO_CGROUP = 'limits are kept by control groups, which only root may make; nothing here asks for root'
const ONE_MACHINE = 'a plain process is on the machine itself: nothing is put between the two'
const POLICY_GAPS: PolicyGaps = {
  'no capabilities': AS_THE_SERVER,
  'no new privileges': AS_THE_SERVER,
  'the default seccomp profile': AS_THE_SERVER,
  'a limit of processes': NO_CGROUP,
  'a limit of memory': NO_CGROUP,
  'a limit of CPU': NO_CGROUP,
  'a network of its project': ONE_MACHINE,
  'no namespace of the host': ONE_MACHINE,
  'no socket of the engine': ONE_MACHINE,
  'no folder of the host': ONE_MACHINE,
}

class ProcessDriver implements RuntimeDriver {
  readonly name = 'process'
  readonly capabilities: Capabilities = {
    isolation: false,
    survivesServer: true,
    reportsOutOfMemory: false,
    logTimeResolutionMs: 1,
    images: false,
    exec: false,
    publishesPorts: false,
  }
  readonly policyGaps = POLICY_GAPS
  readonly #units: string
  readonly #id: string
  readonly #limits: SegmentLimits
  /** Tells, by the unit's name, that its supervisor (started by us) has ended. */
  readonly #ended = new EventEmitter().setMaxListeners(0)

  constructor(units: string, id: string, limits: SegmentLimits) {
    this.#units = units
    this.#id = id
    this.#limits = limits
  }

  info(signal?: AbortSignal): Promise<EngineInfo> {
    return checked(signal, () => ({
      id: this.#id,
      version: `plain processes, Node ${process.versions.node}`,
      address: this.#units,
      warning: `${WARNING} They run as the user ${userInfo().username}.`,
    }))
  }

  ensureImage(image: string, options: EnsureImageOptions): Promise<EnsuredImage> {
    return checked(options.signal, () => ({ image, digest: null }))
  }

  async start(unit: UnitSpec, signal?: AbortSignal, mayGoOn?: MayGoOn): Promise<{ adopted: boolean }> {
    signal?.throwIfAborted()
    await mayGoOn?.()
    const folder = this.#folder(unit.name)
    const before = readStatus(folder)
    if (before !== null && before.state !== 'created') return { adopted: true }
    if (unit.port !== undefined) await assertFree(unit.port)
    const { file, args, env } = resolveCommand(withPort(unit), join(folder, 'work'), process.env)
    const { name, labels, image } = unit
    const created = createUnitFolder(this.#units, { name, labels, image, createdAtMs: Date.now() })
    reach('unit-created')
    try {
      const order = { folder, file, args, env, limits: this.#limits }
      const state = await launchSupervisor(order, () => this.#ended.emit(name))
      return { adopted: !created || state === 'busy' }
    } catch (error) {
      removeUnitFolder(this.#units, name)
      throw error
    }
  }

  inspect(name: string, signal?: AbortSignal): Promise<UnitStatus | null> {
    return checked(signal, () => readStatus(this.#folder(name)))
  }

  async wait(name: string, signal?: AbortSignal): Promise<UnitStatus | null> {
    for (;;) {
      signal?.throwIfAborted()
      const status = readStatus(this.#folder(name))
      if (status === null || status.state === 'exited') return status
      await this.#idle(name, POLL_MS, signal)
    }
  }

  list(installation: string, signal?: AbortSignal): Promise<UnitSummary[]> {
    return checked(signal, () => {
      const summaries: UnitSummary[] = []
      for (const name of listUnitFolders(this.#units)) {
        const labels = readUnitFile(this.#folder(name), 'unit.json')?.labels
        if (labels?.installation !== installation) continue
        const status = readStatus(this.#folder(name))
        if (status !== null) summaries.push({ name, labels, state: status.state })
      }
      return summaries
    })
  }

  async *logs(name: string, options: LogOptions): AsyncIterable<LogChunk> {
    const folder = this.#folder(name)
    let after = options.after === null ? 0 : Number(options.after)
    for (;;) {
      options.signal?.throwIfAborted()
      // Asked before the read: what a unit wrote is there when it counts as exited.
      const status = readStatus(folder)
      for await (const chunk of readSegments(folder, after)) {
        options.signal?.throwIfAborted()
        after = Number(chunk.cursor)
        yield chunk
      }
      if (!options.follow || status === null || status.state === 'exited') return
      await this.#idle(name, POLL_MS, options.signal)
    }
  }

  addressOf(name: string, port: number, published: PublishedPort | null, signal?: AbortSignal) {
    return checked(signal, () =>
      readStatus(this.#folder(name))?.state === 'running' ? machineAddress(port, published) : null,
    )
  }

  async stop(name: string, graceMs: number, signal?: AbortSignal): Promise<void> {
    const killAt = performance.now() + graceMs
    let told = false
    for (;;) {
      signal?.throwIfAborted()
      if (readStatus(this.#folder(name))?.state !== 'running') return
      // Without it the command is just being started: the next look finds it.
      const start = readUnitFile(this.#folder(name), 'start.json')
      if (start !== null && performance.now() >= killAt) signalGroup(start, 'SIGKILL')
      else if (start !== null && !told) told = signalGroup(start, 'SIGTERM')
      const leftMs = killAt - performance.now()
      await this.#idle(name, leftMs > 0 ? Math.min(POLL_MS, leftMs) : POLL_MS, signal)
    }
  }

  async remove(name: string, signal?: AbortSignal): Promise<void> {
    const folder = this.#folder(name)
    const limit = performance.now() + REMOVE_LIMIT_MS
    while (readStatus(folder)?.state === 'running' && performance.now() < limit) {
      signal?.throwIfAborted()
      const start = readUnitFile(folder, 'start.json')
      if (start !== null) signalGroup(start, 'SIGKILL')
      await this.#idle(name, POLL_MS, signal)
    }
    const supervisor = readUnitFile(folder, 'supervisor.json')
    if (supervisor !== null && readUnitFile(folder, 'exit.json') === null && isAlive(supervisor)) {
      process.kill(supervisor.pid, 'SIGKILL')
    }
    removeUnitFolder(this.#units, name)
  }

  /** Its variables are on no disk and nothing is apart from the host: there is no inside to run a command in. */
  exec(): Promise<RunningExec> {
    const why = 'the process runtime runs commands on the host itself: run yours in a shell of this machine'
    return Promise.reject(new ExecRefusal('unavailable', why))
  }

  async usage(names: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, UnitUsage>> {
    signal?.throwIfAborted()
    const running = names.flatMap((name) => {
      const start = readUnitFile(this.#folder(name), 'start.json')
      return start !== null && isAlive(start) ? [[name, start.pid] as const] : []
    })
    return readUsage(new Map(running))
  }

  async *watch(installation: string, signal: AbortSignal): AsyncIterable<{ name: string }> {
    let running = new Set<string>()
    while (!signal.aborted) {
      const now = await this.list(installation, signal)
      for (const { name, state } of now) if (state === 'exited' && running.has(name)) yield { name }
      running = new Set(now.filter((unit) => unit.state !== 'exited').map((unit) => unit.name))
      await systemClock.sleep(POLL_MS, signal)
    }
    signal.throwIfAborted()
  }

  /** They are on the machine's own network. */
  hostAccess(_owner: UnitOwner, signal?: AbortSignal): Promise<HostAccess> {
    return checked(signal, () => ({ kind: 'address', host: '127.0.0.1', subnet: '127.0.0.0/8' }))
  }

  close(): Promise<void> {
    this.#ended.removeAllListeners()
    return Promise.resolve()
  }

  #folder(name: string): string {
    return join(this.#units, folderName(name))
  }

  /** Until the unit may have ended, or so long. @throws the signal's reason. */
  async #idle(name: string, milliseconds: number, signal?: AbortSignal): Promise<void> {
    const woken = new AbortController()
    const wake = (): void => woken.abort()
    this.#ended.once(name, wake)
    signal?.addEventListener('abort', wake, { once: true })
    try {
      await systemClock.sleep(milliseconds, woken.signal)
    } finally {
      this.#ended.off(name, wake)
      signal?.removeEventListener('abort', wake)
    }
    signal?.throwIfAborted()
  }
}

async function checked<T>(signal: AbortSignal | undefined, work: () => T): Promise<T> {
  signal?.throwIfAborted()
  return await Promise.resolve(work())
}
