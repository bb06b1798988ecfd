import { setMaxListeners } from 'node:events'
import { systemClock, type Clock } from '../../clock.ts'
import type { RuntimeErrorCode, UnitSpec } from '../driver.ts'
import { endOf, imageErrorByName, statusOf } from './fake-engine.ts'
import type { FakeEnd, FakeEngine, FakeHook, FakeUnit } from './fake-engine.ts'
import { parseFakeProgram, type FakeProgram } from './fake-program.ts'

export interface MemoryEngineOptions {
  readonly id?: string
  readonly clock?: Clock
  /** What a unit does; default: what its command says, see parseFakeProgram. */
  readonly programOf?: (spec: UnitSpec) => FakeProgram
  readonly before?: FakeHook
  readonly after?: FakeHook
}

interface Cell {
  unit: FakeUnit
  /** Wakes who waits for this unit; made when somebody does. */
  waiters: Set<() => void> | null
}

interface Watcher {
  readonly signal: AbortSignal
  readonly onExit: (unit: FakeUnit) => void
}

/** Timers cannot be longer than 2^31 - 1 ms; a watcher looks again after this time. */
const LONGEST_SLEEP_MS = 3_600_000

/** The fake engine of simulations: nothing leaves the memory, the time is the injected clock's. */
export class MemoryEngine implements FakeEngine {
  readonly id: string
  readonly address = 'memory'
  readonly clock: Clock
  readonly programOf: (spec: UnitSpec) => FakeProgram
  /** The switch "engine away". */
  away = false
  /** Starts per name, of removed units too: the independent effect log. Each must be 1. */
  readonly starts = new Map<string, number>()
  /** Images that cannot be had, beside FAKE_IMAGES. */
  readonly imageErrors = new Map<string, RuntimeErrorCode>()
  readonly before: FakeHook | undefined
  readonly after: FakeHook | undefined
  readonly #cells = new Map<string, Cell>()
  readonly #watchers = new Set<Watcher>()

  constructor(options: MemoryEngineOptions = {}) {
    this.id = options.id ?? 'fake-memory'
    this.clock = options.clock ?? systemClock
    this.programOf = options.programOf ?? parseFakeProgram
    this.before = options.before
    this.after = options.after
  }

  isAway(): boolean {
    return this.away
  }

  imageError(image: string): RuntimeErrorCode | null {
    return this.imageErrors.get(image) ?? imageErrorByName(image)
  }

  create(spec: UnitSpec, program: FakeProgram): boolean {
    if (this.#cells.has(spec.name)) return false
    this.#cells.set(spec.name, { unit: { spec, program, startedAtMs: null, end: null }, waiters: null })
    return true
  }

  start(name: string, atMs: number): boolean {
    const cell = this.#cells.get(name)
    if (!cell || cell.unit.startedAtMs !== null) return false
    this.starts.set(name, (this.starts.get(name) ?? 0) + 1)
    this.#change(cell, { ...cell.unit, startedAtMs: atMs })
    for (const watcher of this.#watchers) void this.#tellExit(watcher, name)
    return true
  }

  end(name: string, end: FakeEnd): boolean {
    const cell = this.#cells.get(name)
    if (!cell || cell.unit.startedAtMs === null || cell.unit.end !== null) return false
    this.#change(cell, { ...cell.unit, end })
    for (const watcher of this.#watchers) void this.#tellExit(watcher, name)
    return true
  }

  remove(name: string): void {
    const cell = this.#cells.get(name)
    this.#cells.delete(name)
    for (const wake of cell?.waiters ?? []) wake()
  }

  get(name: string): FakeUnit | null {
    return this.#cells.get(name)?.unit ?? null
  }

  *list(): Iterable<FakeUnit> {
    for (const cell of this.#cells.values()) yield cell.unit
  }

  /** The engine dies and comes back: what ran has ended and nobody knows how. */
  crash(): void {
    const atMs = this.clock.now()
    for (const [name, cell] of this.#cells) {
      if (statusOf(cell.unit, atMs).state === 'running') this.end(name, { atMs, code: null })
    }
  }

  async idle(name: string, milliseconds: number, signal?: AbortSignal): Promise<void> {
    const cell = this.#cells.get(name)
    if (signal?.aborted) return
    // A unit that is gone while the engine is away: whoever waits for it asks again later, not at once for ever.
    if (!cell) return this.clock.sleep(Math.min(milliseconds, LONGEST_SLEEP_MS), signal)
    const woken = new AbortController()
    const wake = (): void => woken.abort()
    signal?.addEventListener('abort', wake, { once: true })
    cell.waiters ??= new Set()
    cell.waiters.add(wake)
    try {
      await this.clock.sleep(Math.min(milliseconds, LONGEST_SLEEP_MS), woken.signal)
    } finally {
      cell.waiters.delete(wake)
      signal?.removeEventListener('abort', wake)
    }
  }

  async *exits(signal: AbortSignal): AsyncIterable<FakeUnit> {
    // Holds at most one entry per unit that exited since the last look.
    let seen: FakeUnit[] = []
    let wake: (() => void) | null = null
    const onExit = (unit: FakeUnit): void => {
      seen.push(unit)
      wake?.()
    }
    const onAbort = (): void => wake?.()
    const watcher = { signal, onExit }
    // One sleeper for each unit that runs: many are no leak.
    setMaxListeners(0, signal)
    this.#watchers.add(watcher)
    signal.addEventListener('abort', onAbort)
    for (const name of this.#cells.keys()) void this.#tellExit(watcher, name)
    try {
      while (!signal.aborted) {
        if (seen.length === 0) await new Promise<void>((resolve) => (wake = resolve))
        const units = seen
        seen = []
        yield* units
      }
    } finally {
      this.#watchers.delete(watcher)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #change(cell: Cell, unit: FakeUnit): void {
    cell.unit = unit
    for (const wake of cell.waiters ?? []) wake()
  }

  /** Tells the watcher when this unit exits, unless it is changed or removed before. */
  async #tellExit(watcher: Watcher, name: string): Promise<void> {
    const unit = this.get(name)
    if (unit === null || unit.startedAtMs === null || !Number.isFinite(endOf(unit))) return
    if (endOf(unit) < this.clock.now()) return
    while (this.get(name) === unit && !watcher.signal.aborted) {
      const leftMs = endOf(unit) - this.clock.now()
      if (leftMs <= 0) return watcher.onExit(unit)
      await this.clock.sleep(Math.min(leftMs, LONGEST_SLEEP_MS), watcher.signal)
    }
  }
}
