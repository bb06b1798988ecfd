import { randomUUID } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { systemClock } from '../../clock.ts'
import type { UnitSpec } from '../driver.ts'
import { endOf, imageErrorByName, type FakeEnd, type FakeEngine, type FakeUnit } from './fake-engine.ts'
import { parseFakeProgram } from './fake-program.ts'

/** Other processes change the files, so whoever waits looks again this often. */
const POLL_MS = 100
const AWAY_FILE = 'away'

/**
 * The fake engine of tests with real server processes: it lives in a folder, so that several servers share it and it
 * survives their SIGKILL. Below it:
 *
 * - `units/NAME/unit.json` (made by a rename), `start.json`, `end.json` (made by an exclusive link): each once or never
 * - `removed/NAME~UUID/`: what a removed unit was. Folders with a `start.json`, in `units` and `removed` together, are the
 *   effect log: see {@link readStarts}
 * - `away`: while this file is there the engine refuses every call
 *
 * The variables of a unit are in its file in the clear: for tests only.
 */
export function createDirectoryEngine(path: string, clock = systemClock): FakeEngine {
  const root = resolve(path)
  const units = join(root, 'units')
  const removed = join(root, 'removed')
  const drafts = join(root, 'drafts')
  for (const folder of [units, removed, drafts]) mkdirSync(folder, { recursive: true })
  const idFile = join(root, 'id')
  linkOnce(drafts, idFile, `fake-${randomUUID()}`)

  const read = (name: string): FakeUnit | null => readUnit(join(units, name))
  return {
    id: readFileSync(idFile, 'utf8'),
    address: root,
    clock,
    isAway: () => existsSync(join(root, AWAY_FILE)),
    imageError: imageErrorByName,
    programOf: parseFakeProgram,
    create: (spec) => createUnit(drafts, join(units, fileName(spec.name)), spec),
    start: (name, atMs) => linkOnce(drafts, join(units, fileName(name), 'start.json'), JSON.stringify({ atMs })),
    end: (name, end) => linkOnce(drafts, join(units, fileName(name), 'end.json'), JSON.stringify(end)),
    remove: (name) =>
      ignoring('ENOENT', () => renameSync(join(units, fileName(name)), join(removed, `${name}~${randomUUID()}`))),
    get: (name) => read(fileName(name)),
    *list() {
      for (const name of readdirSync(units)) {
        const unit = read(name)
        if (unit !== null) yield unit
      }
    },
    idle: (_name, milliseconds, signal) => clock.sleep(Math.min(milliseconds, POLL_MS), signal),
    async *exits(signal) {
      const told = new Set<string>()
      let sinceMs = clock.now()
      while (!signal.aborted) {
        const nowMs = clock.now()
        const names = new Set(readdirSync(units))
        for (const name of told) if (!names.has(name)) told.delete(name)
        for (const name of names) {
          const unit = told.has(name) ? null : read(name)
          if (unit === null || endOf(unit) > nowMs) continue
          told.add(name)
          if (endOf(unit) >= sinceMs - POLL_MS) yield unit
        }
        sinceMs = nowMs
        await clock.sleep(POLL_MS, signal)
      }
    },
  }
}

/** How often each name was started, removed units too: what really happened, whatever a database says. */
export function readStarts(path: string): Map<string, number> {
  const starts = new Map<string, number>()
  for (const folder of ['units', 'removed']) {
    for (const entry of readdirSync(join(path, folder))) {
      if (!existsSync(join(path, folder, entry, 'start.json'))) continue
      const name = entry.split('~')[0] ?? entry
      starts.set(name, (starts.get(name) ?? 0) + 1)
    }
  }
  return starts
}

/** The switch "engine away" for all processes that share the folder. */
export function setAway(path: string, away: boolean): void {
  if (away) writeFileSync(join(path, AWAY_FILE), '')
  else rmSync(join(path, AWAY_FILE), { force: true })
}

/** As {@link MemoryEngine.crash}: what runs ends now and nobody knows how. */
export function crash(engine: FakeEngine): void {
  const atMs = engine.clock.now()
  for (const unit of engine.list()) {
    if (unit.startedAtMs !== null && endOf(unit) > atMs) engine.end(unit.spec.name, { atMs, code: null })
  }
}

/** A folder that is renamed into place is there with its content or not at all; a second one of the name is refused. */
function createUnit(drafts: string, path: string, spec: UnitSpec): boolean {
  const draft = join(drafts, randomUUID())
  mkdirSync(draft)
  writeFileSync(join(draft, 'unit.json'), JSON.stringify(spec))
  try {
    renameSync(draft, path)
    return true
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error
    rmSync(draft, { recursive: true })
    return false
  }
}

/** Puts a file in place, with its content, exactly once. @returns false when it is there already, or its folder is gone. */
function linkOnce(drafts: string, path: string, text: string): boolean {
  const draft = join(drafts, randomUUID())
  writeFileSync(draft, text)
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (!['EEXIST', 'ENOENT'].includes(codeOf(error))) throw error
    return false
  } finally {
    rmSync(draft)
  }
}

function readUnit(folder: string): FakeUnit | null {
  const spec = readJson(join(folder, 'unit.json')) as UnitSpec | null
  if (spec === null) return null
  const start = readJson(join(folder, 'start.json')) as { atMs: number } | null
  const end = start === null ? null : (readJson(join(folder, 'end.json')) as FakeEnd | null)
  return { spec, program: parseFakeProgram(spec), startedAtMs: start?.atMs ?? null, end }
}

function readJson(path: string): unknown {
  return ignoring('ENOENT', () => JSON.parse(readFileSync(path, 'utf8')) as unknown)
}

function ignoring<T>(code: string, work: () => T): T | null {
  try {
    return work()
  } catch (error) {
    if (codeOf(error) !== code) throw error
    return null
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Our names hold only characters that are safe in a path; anything else is a bug of the caller. */
function fileName(name: string): string {
  if (!/^[a-z0-9-]{1,128}$/.test(name)) throw new TypeError(`not a unit name: ${name}`)
  return name
}
