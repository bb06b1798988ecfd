import type { Clock } from '../../clock.ts'
import type { RuntimeErrorCode, UnitExit, UnitSpec, UnitStatus, UnitUsage } from '../driver.ts'
import type { FakeProgram } from './fake-program.ts'

/** What the engine keeps about a unit. How it is doing follows from these and the time: see {@link statusOf}. */
export interface FakeUnit {
  readonly spec: UnitSpec
  readonly program: FakeProgram
  /** Milliseconds since the epoch; null = created, not started. */
  readonly startedAtMs: number | null
  /** What ended it from outside; it counts only when the program had not ended by itself before. */
  readonly end: FakeEnd | null
}

export interface FakeEnd {
  readonly atMs: number
  /** null = nobody knows (the engine died). */
  readonly code: number | null
}

/**
 * The store behind a FakeDriver. Each change is atomic and happens once: `create`, `start` and `end` answer false when
 * it was done already, as a container engine refuses a name that is in use. So the number of starts is an effect log
 * that is independent of the database.
 */
export interface FakeEngine {
  readonly id: string
  readonly address: string
  readonly clock: Clock
  /** While true every call is refused as `engine-away`. */
  isAway(): boolean
  /** Why the image cannot be had; null = it can. */
  imageError(image: string): RuntimeErrorCode | null
  /** The program of a unit. @throws RuntimeError `start-failed`. */
  programOf(spec: UnitSpec): FakeProgram
  create(spec: UnitSpec, program: FakeProgram): boolean
  start(name: string, atMs: number): boolean
  end(name: string, end: FakeEnd): boolean
  remove(name: string): void
  get(name: string): FakeUnit | null
  list(): Iterable<FakeUnit>
  /** Resolves when the unit may have changed or after so many milliseconds, or when the signal aborts. Never rejects. */
  idle(name: string, milliseconds: number, signal?: AbortSignal): Promise<void>
  /** Names of units that exit from now on, until the signal aborts. */
  exits(signal: AbortSignal): AsyncIterable<FakeUnit>
  /** Called before each call of the driver; may wait or throw a RuntimeError. For scripted faults. */
  readonly before?: FakeHook | undefined
  /** Called when it is done; a RuntimeError thrown here is a "done, but told otherwise". */
  readonly after?: FakeHook | undefined
}

export type FakeHook = (operation: FakeOperation, name: string) => Promise<void> | void
export type FakeOperation =
  | 'info'
  | 'ensureImage'
  | 'start'
  | 'inspect'
  | 'list'
  | 'logs'
  | 'stop'
  | 'remove'
  | 'exec'
  | 'usage'

/** When it ends or ended, in milliseconds since the epoch; Infinity = not by itself. */
export function endOf(unit: FakeUnit): number {
  if (unit.startedAtMs === null) return Number.POSITIVE_INFINITY
  return Math.min(unit.startedAtMs + unit.program.durationMs, unit.end?.atMs ?? Number.POSITIVE_INFINITY)
}

export function statusOf(unit: FakeUnit, nowMs: number): UnitStatus {
  if (unit.startedAtMs === null) return { state: 'created' }
  const endMs = endOf(unit)
  if (endMs > nowMs) return { state: 'running', startedAt: new Date(unit.startedAtMs) }
  return { state: 'exited', exit: exitOf(unit, unit.startedAtMs, endMs) }
}

/** null = it does not run. */
export function usageOf(unit: FakeUnit, nowMs: number): UnitUsage | null {
  const { program, spec, startedAtMs } = unit
  if (startedAtMs === null || endOf(unit) <= nowMs) return null
  if (program.noUsage !== null) {
    return { memoryBytes: null, memoryLimitBytes: null, cpuNanoseconds: null, atMs: nowMs, why: program.noUsage }
  }
  const cpuNanoseconds = Math.round((nowMs - startedAtMs) * 1e6 * program.busyCores)
  return { memoryBytes: program.memoryBytes, memoryLimitBytes: spec.memoryBytes, cpuNanoseconds, atMs: nowMs }
}

function exitOf(unit: FakeUnit, startedAtMs: number, endMs: number): UnitExit {
  const times = { startedAt: new Date(startedAtMs), finishedAt: new Date(endMs) }
  const byItself = endMs === startedAtMs + unit.program.durationMs
  if (byItself && !unit.program.lost) {
    return { kind: 'exited', code: unit.program.exitCode, outOfMemory: unit.program.outOfMemory, ...times }
  }
  const code = byItself ? null : (unit.end?.code ?? null)
  if (code === null) return { kind: 'lost', detail: 'the fake engine has lost the exit code' }
  return { kind: 'exited', code, outOfMemory: false, ...times }
}

/** Names that make an image unavailable on every fake engine, whatever the tag. */
export const FAKE_IMAGES = {
  missing: 'fake.test/missing',
  refused: 'fake.test/refused',
  away: 'fake.test/away',
} as const

/** A port of the machine that something else has, on every fake engine. */
export const FAKE_PORT_IN_USE = 9

const IMAGE_ERRORS: readonly (readonly [string, RuntimeErrorCode])[] = [
  [FAKE_IMAGES.missing, 'image-not-found'],
  ['localhost/panda/no-such-image', 'image-not-found'],
  [FAKE_IMAGES.refused, 'registry-refused'],
  [FAKE_IMAGES.away, 'registry-away'],
]

export function imageErrorByName(image: string): RuntimeErrorCode | null {
  return IMAGE_ERRORS.find(([prefix]) => image.startsWith(prefix))?.[1] ?? null
}
