import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { UnitExit, UnitLabels } from '../driver.ts'
import type { ProcessRecord } from './process-start-time.ts'

/**
 * What a unit leaves on disk, one folder per unit below `<home>/process/units`. Every file is complete or not there:
 *
 * - `unit.json`: its name, labels and image, made with the folder. Its variables are never written to disk.
 * - `supervisor.json`: who runs it; made once, so a unit is started at most once
 * - `start.json`: the command runs; `exit.json`: how it ended
 * - `log-*.ndjson`: what it wrote; `work/`: its working folder
 */
export interface UnitFile {
  readonly name: string
  readonly labels: UnitLabels
  /** For people: the image is not used. */
  readonly image: string
  readonly createdAtMs: number
}

export interface SupervisorFile extends ProcessRecord {
  readonly atMs: number
}

export interface StartFile extends ProcessRecord {
  readonly atMs: number
}

/** Times are milliseconds since the epoch. */
export type ExitFile =
  | { readonly kind: 'exited'; readonly code: number; readonly startedAtMs: number; readonly finishedAtMs: number }
  | { readonly kind: 'lost'; readonly detail: string }

export interface UnitFiles {
  readonly 'unit.json': UnitFile
  readonly 'supervisor.json': SupervisorFile
  readonly 'start.json': StartFile
  readonly 'exit.json': ExitFile
}

/** @returns false when there is a unit of this name. */
export function createUnitFolder(units: string, unit: UnitFile): boolean {
  const draft = join(units, `.new-${randomUUID()}`)
  mkdirSync(join(draft, 'work'), { recursive: true, mode: 0o700 })
  writeDurably(join(draft, 'unit.json'), JSON.stringify(unit))
  try {
    renameSync(draft, join(units, folderName(unit.name)))
    return true
  } catch (error) {
    rmSync(draft, { recursive: true })
    if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error))) throw error
    return false
  }
}

/** Names of all units. What begins with a dot is half made or half removed. */
export function listUnitFolders(units: string): string[] {
  return readdirSync(units).filter((name) => !name.startsWith('.'))
}

/** The folder is gone at once; its content is removed behind that. */
export function removeUnitFolder(units: string, name: string): void {
  const away = join(units, `.old-${randomUUID()}`)
  try {
    renameSync(join(units, folderName(name)), away)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return
  }
  rmSync(away, { recursive: true, force: true, maxRetries: 3 })
}

/** Half-made and half-removed folders of servers that died. */
export function sweepUnitFolders(units: string): void {
  for (const name of readdirSync(units)) {
    if (name.startsWith('.old-')) rmSync(join(units, name), { recursive: true, force: true, maxRetries: 3 })
  }
}

export function readUnitFile<N extends keyof UnitFiles>(folder: string, name: N): UnitFiles[N] | null {
  try {
    return JSON.parse(readFileSync(join(folder, name), 'utf8')) as UnitFiles[N]
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return null
  }
}

/** Puts the file there, durably, once. @returns false when it is there already or the unit was removed. */
export function writeUnitFile<N extends keyof UnitFiles>(folder: string, name: N, content: UnitFiles[N]): boolean {
  return putOnce(folder, name, JSON.stringify(content))
}

/** The id of the folder and so of this "engine": the same for every server that uses it, for ever. */
export function readOrMakeId(root: string): string {
  putOnce(root, 'id', `process-${randomUUID()}`)
  return readFileSync(join(root, 'id'), 'utf8')
}

export function toUnitExit(file: ExitFile): UnitExit {
  if (file.kind === 'lost') return file
  const { code, startedAtMs, finishedAtMs } = file
  const times = { startedAt: new Date(startedAtMs), finishedAt: new Date(finishedAtMs) }
  return { kind: 'exited', code, outOfMemory: false, ...times }
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Our names hold only what is safe in a path; anything else is a bug of the caller. */
export function folderName(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,127}$/.test(name)) throw new TypeError(`not a unit name: ${name}`)
  return name
}

function putOnce(folder: string, name: string, text: string): boolean {
  const draft = join(folder, `.${name}-${randomUUID()}`)
  try {
    writeDurably(draft, text)
    linkSync(draft, join(folder, name))
    syncFolder(folder)
    return true
  } catch (error) {
    if (!['EEXIST', 'ENOENT'].includes(errorCode(error))) throw error
    return false
  } finally {
    rmSync(draft, { force: true })
  }
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
