import { readFileSync } from 'node:fs'
import { codeOf } from './embedded-error.ts'

/**
 * A string that stays the same as long as the process with this pid lives, `undefined` when there is none.
 *
 * A pid alone is not enough: after a crash or a reboot the number soon belongs to somebody else (in a container it is
 * nearly always 1). On Linux the string therefore holds the boot id and the start time; a zombie counts as dead, since
 * in a container nobody may ever reap it. Elsewhere only "there is a process" is known.
 */
export function processIdentity(pid: number): string | undefined {
  if (process.platform !== 'linux') return answersSignals(pid) ? 'alive' : undefined
  const stat = readIfThere(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // The second field is the program's name in parentheses and may hold anything, so count from the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  const startedAtTicks = fields[19]
  if (state === 'Z' || state === 'X' || startedAtTicks === undefined) return undefined
  return `${readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}:${startedAtTicks}`
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false
    if (codeOf(error) === 'EPERM') return true
    throw error
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // ESRCH: the process went away between open and read.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return undefined
    throw error
  }
}
