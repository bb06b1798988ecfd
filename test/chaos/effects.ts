import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** What really happened to a unit, told by the engine's own records. */
export interface Effect {
  /** `panda-run-…-N`. */
  readonly name: string
  readonly starts: number
  /** The code it ended with; null = it was killed or nobody knows. */
  readonly exitCode: number | null
  readonly startedAtMs: number | null
  /** Infinity = it had not ended when the records were read. */
  readonly endedAtMs: number
  /** What it printed on stdout when it ran to its own end; null = it was cut short or that is not known. */
  readonly printed: readonly string[] | null
}

export type Effects = ReadonlyMap<string /* unit name */, Effect>

/** By so much the times of a file system may lag behind the clock. */
const COARSE_CLOCK_MS = 20

interface UnitFiles {
  readonly command: readonly string[]
  readonly startedAtMs: number
  readonly end: { readonly atMs: number; readonly code: number | null } | null
}

/**
 * Reads the folder of the fake engine (`units` and `removed`). Only started units count. The files are read here on their
 * own account, without the engine's code.
 */
export function readFakeEffects(folder: string): Effects {
  const effects = new Map<string, Effect>()
  for (const part of ['units', 'removed']) {
    for (const entry of readdirSync(join(folder, part))) {
      const files = readUnit(join(folder, part, entry))
      if (files === null) continue
      const name = entry.split('~')[0] ?? entry
      const before = effects.get(name)
      effects.set(name, { ...effectOf(name, files), starts: (before?.starts ?? 0) + 1 })
    }
  }
  return effects
}

function readUnit(folder: string): UnitFiles | null {
  const json = (file: string): unknown => {
    const path = join(folder, file)
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null
  }
  const start = json('start.json') as { atMs: number } | null
  if (start === null) return null
  const { command } = json('unit.json') as { command: string[] | null }
  const end = json('end.json') as UnitFiles['end']
  // What is removed while it runs dies with it; the folder's own time is that of its renaming.
  const wasRemoved = basename(dirname(folder)) === 'removed'
  const removal = wasRemoved ? { atMs: statSync(folder).ctimeMs + COARSE_CLOCK_MS, code: null } : null
  return { command: command ?? [], startedAtMs: start.atMs, end: end ?? removal }
}

/** The programs of these tests are made of `after Nms`, `exit N` and `log N`. */
function effectOf(name: string, files: UnitFiles): Omit<Effect, 'starts'> {
  const number = (word: string): number => {
    const at = files.command.indexOf(word)
    return at === -1 ? 0 : Number.parseInt(files.command[at + 1] ?? '0', 10)
  }
  const ownEndMs = files.startedAtMs + number('after')
  const cut = files.end !== null && files.end.atMs < ownEndMs
  return {
    name,
    startedAtMs: files.startedAtMs,
    endedAtMs: cut && files.end ? files.end.atMs : ownEndMs,
    exitCode: cut && files.end ? files.end.code : number('exit'),
    printed: cut ? null : Array.from({ length: number('log') }, (_, index) => `out ${index + 1}`),
  }
}
