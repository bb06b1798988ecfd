import { spawnSync } from 'node:child_process'
import { processIdentity } from '../../store/embedded/process-identity.ts'

const PS_TIMEOUT_MS = 5000

/**
 * A string that only the process that has this pid now has, `undefined` when there is none: a pid alone soon belongs to
 * somebody else. On Linux from /proc (boot and start time), elsewhere the start time that `ps` prints.
 */
export function processStamp(pid: number): string | undefined {
  if (process.platform === 'linux') return processIdentity(pid)
  const { stdout, error } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    timeout: PS_TIMEOUT_MS,
  })
  if (error) throw error
  const startedAt = stdout.trim()
  return startedAt === '' ? undefined : startedAt
}

export interface ProcessRecord {
  readonly pid: number
  readonly stamp: string
}

export function isAlive(record: ProcessRecord): boolean {
  return processStamp(record.pid) === record.stamp
}

/** Signals the process's whole group, if it is still this process. @returns false when it is gone. */
export function signalGroup(record: ProcessRecord, signal: NodeJS.Signals): boolean {
  if (!isAlive(record)) return false
  try {
    process.kill(-record.pid, signal)
    return true
  } catch (error) {
    // Gone between the look and the signal.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
