import { readdirSync, readFileSync } from 'node:fs'
import { codeOf } from '../../packages/server/src/store/embedded/embedded-error.ts'
import { processIdentity } from '../../packages/server/src/store/embedded/process-identity.ts'
import { requireProgram, runOrFail } from './programs.ts'
import { waitFor } from './wait-for.ts'

export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/** Every process that /proc shows at this moment, zombies left out. */
export function listProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readEntry(Number(name)))
}

function readEntry(pid: number): ProcessEntry[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z' || state === 'X') return []
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim()
    return [{ pid, parent: Number(parent), command }]
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return []
    throw error
  }
}

/** The process and all that descend from it. */
export function withDescendants(roots: readonly number[], all = listProcesses()): number[] {
  const found = new Set(roots)
  // A list sorted by pid is nearly always in the order of birth; the loop is for when the numbers have wrapped around.
  for (let before = -1; before !== found.size;) {
    before = found.size
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid)
  }
  return [...found]
}

/**
 * Kills, by pid, the processes whose command line names `folder` (a private temp folder) and their descendants: an
 * engine that was killed leaves containerd, shims and the containers' own processes.
 */
export async function killProcessesOf(folder: string): Promise<void> {
  const all = listProcesses()
  const roots = all
    .filter(({ pid, command }) => pid !== process.pid && command.includes(`${folder}/`))
    .map(({ pid }) => pid)
  const pids = withDescendants(roots, all)
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error
    }
  }
  await waitFor(`the processes of ${folder} to end`, () => pids.every((pid) => processIdentity(pid) === undefined))
}

/** Detaches every mount below the folder, the deepest first, so that the folder can be removed. */
export async function unmountBelow(folder: string): Promise<void> {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${folder}/`))
  if (points.length === 0) return
  const umount = await requireProgram('umount', 'mount')
  for (const point of points.toSorted((a, b) => b.length - a.length)) await runOrFail(umount, ['--lazy', point])
}
