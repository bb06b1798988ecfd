import type { UnitUsage } from '../driver.ts'
import { type ProcessRow, readProcessTable } from './process-table.ts'

/**
 * What each unit uses, by the pid of its command: all of its process group, and what they started in other groups. Memory
 * that two processes share counts for both; nothing limits a plain process, so there is no limit to tell.
 */
export async function readUsage(pids: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, UnitUsage>> {
  const found = new Map<string, UnitUsage>()
  if (pids.size === 0) return found
  const table = await readProcessTable()
  const atMs = Date.now()
  for (const [name, pid] of pids) {
    const members = membersOf(table, pid)
    const resident = await Promise.all(members.map((row) => row.residentBytes()))
    const memoryBytes = resident.reduce((sum, bytes) => sum + bytes, 0)
    const cpuNanoseconds = members.reduce((sum, row) => sum + row.cpuNanoseconds, 0)
    if (members.length > 0) found.set(name, { memoryBytes, memoryLimitBytes: null, cpuNanoseconds, atMs })
  }
  return found
}

export function membersOf(table: readonly ProcessRow[], pid: number): ProcessRow[] {
  const members = new Map<number, ProcessRow>()
  let added = table.filter((row) => row.pid === pid || row.group === pid)
  while (added.length > 0) {
    for (const row of added) members.set(row.pid, row)
    added = table.filter((row) => members.has(row.parent) && !members.has(row.pid))
  }
  return [...members.values()]
}
