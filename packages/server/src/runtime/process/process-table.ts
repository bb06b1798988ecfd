import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { errorCode } from './unit-folder.ts'

export interface ProcessRow {
  readonly pid: number
  readonly parent: number
  readonly group: number
  /** Of its own and of its children that it has seen end. */
  readonly cpuNanoseconds: number
  /** Held in memory now. Asked for only of those that count. */
  readonly residentBytes: () => Promise<number>
}

const NANOSECONDS = 1e9
/** The unit of CPU times in /proc: 100 to a second for programs, whatever the kernel itself counts by. */
const TICK_NANOSECONDS = NANOSECONDS / 100
const KIB = 1024
const PS_TIMEOUT_MS = 5000

/** All processes of the machine: from /proc on Linux, elsewhere as `ps` prints them. */
export function readProcessTable(): Promise<ProcessRow[]> {
  return process.platform === 'linux' ? fromProc() : fromPs()
}

async function fromProc(): Promise<ProcessRow[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const rows = await Promise.all(pids.map(async (pid) => rowOf(await readIfThere(`/proc/${pid}/stat`))))
  return rows.filter((row) => row !== null)
}

function rowOf(stat: string): ProcessRow | null {
  // The second field is the program's name in parentheses and may hold anything, so count from the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [parent, group] = [Number(fields[1]), Number(fields[2])]
  const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0)
  if (!Number.isFinite(ticks)) return null
  const pid = Number.parseInt(stat, 10)
  const residentBytes = async () => residentOf(await readIfThere(`/proc/${pid}/status`))
  return { pid, parent, group, cpuNanoseconds: ticks * TICK_NANOSECONDS, residentBytes }
}

/** A process that has just ended, or is a zombie, holds nothing. */
function residentOf(status: string): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * KIB
}

/** `` = the process is gone. */
async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes(errorCode(error))) throw error
    return ''
  }
}

/** For systems without /proc: macOS, BSD. */
export async function fromPs(): Promise<ProcessRow[]> {
  const columns = ['pid', 'ppid', 'pgid', 'rss', 'time'].flatMap((name) => ['-o', `${name}=`])
  const options = { timeout: PS_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, LC_ALL: 'C' } }
  const { stdout } = await promisify(execFile)('ps', ['-A', ...columns], options)
  return stdout.split('\n').flatMap((line) => {
    const [pid, parent, group, kibibytes, time] = line.trim().split(/\s+/)
    if (time === undefined) return []
    const residentBytes = () => Promise.resolve(Number(kibibytes) * KIB)
    const cpuNanoseconds = parsePsTime(time)
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), cpuNanoseconds, residentBytes }]
  })
}

/** `0:01.25` on macOS, `00:00:01` and `2-03:04:05` elsewhere. */
export function parsePsTime(text: string): number {
  const [clock = '', days = '0'] = text.split('-').toReversed()
  const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return Math.round((Number(days) * 86_400 + seconds) * NANOSECONDS)
}
