import { createHash } from 'node:crypto'
import { type PublishedPort, portsOverlap } from '@pandastack/contract'
import { reach } from '../../fault-points.ts'
import { POLICY_RULES, type PolicyGaps } from '../container-policy.ts'
import {
  ExecRefusal,
  portInUse,
  RuntimeError,
  type Capabilities,
  type EngineInfo,
  type EnsuredImage,
  type EnsureImageOptions,
  type ExecRequest,
  type LogChunk,
  type LogOptions,
  type MayGoOn,
  type RunningExec,
  type RuntimeDriver,
  type UnitSpec,
  type UnitStatus,
  type UnitSummary,
  type UnitUsage,
} from '../driver.ts'
import { endOf, FAKE_PORT_IN_USE, statusOf, usageOf } from './fake-engine.ts'
import type { FakeEngine, FakeOperation, FakeUnit } from './fake-engine.ts'
import { fakeExec } from './fake-exec.ts'
import { fakeLine } from './fake-program.ts'

/** How often a call that waits asks whether an engine that was away is back. */
const AWAY_POLL_MS = 50
/** SIGKILL's exit code, as engines report it. */
const KILLED = 137
/** The cursor behind a program's last words on SIGTERM. */
const AFTER_TERM_TEXT = 'term'

const NOTHING_RUNS = 'units are records: there is nothing that could do anything, so nothing is kept from it'
const POLICY_GAPS: PolicyGaps = Object.fromEntries(
  POLICY_RULES.filter((rule) => rule !== 'SIGTERM, the grace, then SIGKILL').map((rule) => [rule, NOTHING_RUNS]),
)

/** A runtime without containers: the units are records of a {@link FakeEngine} and their state follows from the time. */
export class FakeDriver implements RuntimeDriver {
  readonly name = 'fake'
  readonly capabilities: Capabilities = {
    isolation: true,
    survivesServer: true,
    reportsOutOfMemory: true,
    logTimeResolutionMs: 0.5,
    images: true,
  }
  readonly policyGaps = POLICY_GAPS
  readonly #engine: FakeEngine

  constructor(engine: FakeEngine) {
    this.#engine = engine
  }

  info(signal?: AbortSignal): Promise<EngineInfo> {
    return this.#call('info', '', signal, () => ({
      id: this.#engine.id,
      version: 'Fake 1',
      address: this.#engine.address,
      warning: 'this runtime starts nothing: it is for tests only',
    }))
  }

  ensureImage(image: string, options: EnsureImageOptions): Promise<EnsuredImage> {
    return this.#call('ensureImage', image, options.signal, () => {
      this.#assertImage(image)
      return { image, digest: `sha256:${createHash('sha256').update(image).digest('hex')}` }
    })
  }

  start(unit: UnitSpec, signal?: AbortSignal, mayGoOn?: MayGoOn): Promise<{ adopted: boolean }> {
    const start = (): { adopted: boolean } => {
      const existing = this.#engine.get(unit.name)
      if (existing === null || existing.startedAtMs === null) this.#assertPort(unit)
      if (existing?.startedAtMs === null) this.#engine.start(unit.name, this.#engine.clock.now())
      if (existing !== null) return { adopted: true }
      this.#assertImage(unit.image)
      const program = this.#engine.programOf(unit)
      if (program.startError !== null) throw new RuntimeError('start-failed', program.startError)
      const created = this.#engine.create(unit, program)
      reach('unit-created')
      const started = this.#engine.start(unit.name, this.#engine.clock.now())
      return { adopted: !created || !started }
    }
    return this.#call('start', unit.name, signal, start, mayGoOn)
  }

  inspect(name: string, signal?: AbortSignal): Promise<UnitStatus | null> {
    return this.#call('inspect', name, signal, () => this.#status(name))
  }

  async wait(name: string, signal?: AbortSignal): Promise<UnitStatus | null> {
    for (;;) {
      signal?.throwIfAborted()
      const away = this.#engine.isAway()
      const unit = this.#engine.get(name)
      if (unit === null && !away) return null
      const leftMs = unit === null ? AWAY_POLL_MS : endOf(unit) - this.#engine.clock.now()
      if (unit !== null && leftMs <= 0 && !away) return statusOf(unit, this.#engine.clock.now())
      await this.#idle(name, away ? AWAY_POLL_MS : leftMs, signal)
    }
  }

  list(installation: string, signal?: AbortSignal): Promise<UnitSummary[]> {
    return this.#call('list', installation, signal, () => {
      const nowMs = this.#engine.clock.now()
      const summaries: UnitSummary[] = []
      for (const unit of this.#engine.list()) {
        const { name, labels } = unit.spec
        if (labels.installation === installation) summaries.push({ name, labels, state: statusOf(unit, nowMs).state })
      }
      return summaries
    })
  }

  async *logs(name: string, options: LogOptions): AsyncIterable<LogChunk> {
    const { signal } = options
    await this.#call('logs', name, signal, () => undefined)
    let index = options.after === null ? 0 : Number(options.after) + 1
    while (options.after !== AFTER_TERM_TEXT) {
      signal?.throwIfAborted()
      if (this.#engine.isAway()) throw away()
      const unit = this.#engine.get(name)
      if (unit === null || (unit.startedAtMs === null && !options.follow)) return
      const nowMs = this.#engine.clock.now()
      const next = nextChunk(unit, index)
      if (next !== null && next.time.getTime() <= nowMs) {
        yield next
        if (next.cursor === AFTER_TERM_TEXT) return
        index += 1
        continue
      }
      if (endOf(unit) <= nowMs || !options.follow) return
      await this.#idle(name, (next?.time.getTime() ?? endOf(unit)) - nowMs, signal)
    }
  }

  /** Its units open no ports: what a test listens with at this one of the machine stands for them. */
  addressOf(name: string, port: number, _published: PublishedPort | null, signal?: AbortSignal) {
    return this.#call('inspect', name, signal, () =>
      this.#status(name)?.state === 'running' ? { host: '127.0.0.1', port } : null,
    )
  }

  async stop(name: string, graceMs: number, signal?: AbortSignal): Promise<void> {
    await this.#call('stop', name, signal, () => undefined)
    const { clock } = this.#engine
    const deadlineMs = clock.now() + graceMs
    for (;;) {
      signal?.throwIfAborted()
      const unit = this.#engine.get(name)
      if (unit === null || unit.startedAtMs === null || endOf(unit) <= clock.now()) return
      const leftMs = deadlineMs - clock.now()
      if (unit.program.ignoresTerm && leftMs > 0) {
        await this.#idle(name, Math.min(leftMs, endOf(unit) - clock.now()), signal)
        continue
      }
      this.#engine.end(name, { atMs: clock.now(), code: unit.program.ignoresTerm ? KILLED : unit.program.termCode })
    }
  }

  remove(name: string, signal?: AbortSignal): Promise<void> {
    return this.#call('remove', name, signal, () => this.#engine.remove(name))
  }

  exec(name: string, request: ExecRequest, signal?: AbortSignal): Promise<RunningExec> {
    return this.#call('exec', name, signal, () => {
      const unit = this.#engine.get(name)
      if (unit === null || statusOf(unit, this.#engine.clock.now()).state !== 'running') {
        throw new ExecRefusal('not-running', `there is no running unit ${name}`)
      }
      const untilEnd = (milliseconds: number, aborted: AbortSignal) => this.#endsWithin(name, milliseconds, aborted)
      return fakeExec({ spec: unit.spec, untilEnd }, request, signal)
    })
  }

  usage(names: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, UnitUsage>> {
    return this.#call('usage', '', signal, () => {
      const nowMs = this.#engine.clock.now()
      const found = new Map<string, UnitUsage>()
      for (const name of names) {
        const unit = this.#engine.get(name)
        const usage = unit === null ? null : usageOf(unit, nowMs)
        if (usage !== null) found.set(name, usage)
      }
      return found
    })
  }

  async *watch(installation: string, signal: AbortSignal): AsyncIterable<{ name: string }> {
    for await (const { spec } of this.#engine.exits(signal)) {
      if (spec.labels.installation === installation) yield { name: spec.name }
    }
    signal.throwIfAborted()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** One call to the engine, with its scripted faults round it. */
  async #call<T>(
    operation: FakeOperation,
    name: string,
    signal: AbortSignal | undefined,
    work: () => T,
    mayGoOn?: MayGoOn,
  ): Promise<T> {
    signal?.throwIfAborted()
    const before = this.#engine.before?.(operation, name)
    if (before) await before
    const asked = mayGoOn?.()
    if (asked) await asked
    if (this.#engine.isAway()) throw away()
    const result = work()
    const after = this.#engine.after?.(operation, name)
    if (after) await after
    signal?.throwIfAborted()
    return result
  }

  /** @returns true when the unit ends before so long. */
  async #endsWithin(name: string, milliseconds: number, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#engine
    const untilMs = clock.now() + milliseconds
    for (;;) {
      const unit = this.#engine.get(name)
      const nowMs = clock.now()
      if (unit === null || endOf(unit) <= nowMs) return true
      if (nowMs >= untilMs) return false
      await this.#idle(name, Math.min(untilMs, endOf(unit)) - nowMs, signal)
    }
  }

  #status(name: string): UnitStatus | null {
    const unit = this.#engine.get(name)
    return unit === null ? null : statusOf(unit, this.#engine.clock.now())
  }

  #assertImage(image: string): void {
    const code = this.#engine.imageError(image)
    if (code !== null) throw new RuntimeError(code, `the fake registry answered ${code} for ${image}`)
  }

  /** As an engine does: what runs keeps its port. */
  #assertPort({ name, port }: UnitSpec): void {
    if (port === undefined) return
    const nowMs = this.#engine.clock.now()
    for (const unit of this.#engine.list()) {
      const other = unit.spec.port
      if (unit.spec.name === name || other === undefined || !portsOverlap(other, port)) continue
      if (statusOf(unit, nowMs).state === 'running') throw portInUse(port)
    }
    if (port.hostPort === FAKE_PORT_IN_USE) throw portInUse(port)
  }

  async #idle(name: string, milliseconds: number, signal?: AbortSignal): Promise<void> {
    await this.#engine.idle(name, milliseconds, signal)
    signal?.throwIfAborted()
  }
}

function away(): RuntimeError {
  return new RuntimeError('engine-away', 'the fake engine is away')
}

/** The chunk with this index, whose time may lie ahead; null when the unit writes no more, as far as is known now. */
function nextChunk(unit: FakeUnit, index: number): LogChunk | null {
  const startedAtMs = unit.startedAtMs
  if (startedAtMs === null) return null
  const line = fakeLine(unit.program, index)
  if (line !== undefined && startedAtMs + line.atMs <= endOf(unit)) {
    const { stream, text, endOfLine } = line
    return { stream, text, endOfLine, time: new Date(startedAtMs + line.atMs), cursor: String(index) }
  }
  const stopped = unit.end !== null && endOf(unit) === unit.end.atMs && unit.end.code === unit.program.termCode
  if (!stopped || unit.program.termText === null) return null
  const time = new Date(endOf(unit))
  return { stream: 'stdout', text: unit.program.termText, endOfLine: true, time, cursor: AFTER_TERM_TEXT }
}
