import { statSync } from 'node:fs'
import type { UnitStatus } from '../driver.ts'
import { isAlive, signalGroup } from './process-start-time.ts'
import { readUnitFile, toUnitExit, writeUnitFile } from './unit-folder.ts'

/**
 * How a unit is doing, from its files and its supervisor; null = there is none. A unit whose supervisor is gone without
 * a record has ended for good here: what may be left of it is killed, and `lost` is written down, so that the answer
 * never changes again.
 */
export function readStatus(folder: string): UnitStatus | null {
  const exit = readUnitFile(folder, 'exit.json')
  if (exit !== null) return { state: 'exited', exit: toUnitExit(exit) }
  const supervisor = readUnitFile(folder, 'supervisor.json')
  if (supervisor === null)
    return statSync(folder, { throwIfNoEntry: false }) === undefined ? null : { state: 'created' }
  const start = readUnitFile(folder, 'start.json')
  if (isAlive(supervisor)) return { state: 'running', startedAt: new Date(start?.atMs ?? supervisor.atMs) }
  if (start !== null) signalGroup(start, 'SIGKILL')
  const detail = 'the supervisor of the process died, or the machine was restarted: how the command ended is not known'
  writeUnitFile(folder, 'exit.json', { kind: 'lost', detail })
  // It may have written its record between the two looks: then that stands.
  const last = readUnitFile(folder, 'exit.json')
  return last === null ? null : { state: 'exited', exit: toUnitExit(last) }
}
