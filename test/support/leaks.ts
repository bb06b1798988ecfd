import { afterAll } from 'vitest'
import { listProcesses, withDescendants } from './leftovers.ts'

/**
 * Call once at the top of a test file: fails it when processes that descend from it are still running at its end. Those
 * that have been moved to another parent are not seen; what started them must have waited for them.
 */
export function expectNoChildProcesses(): void {
  const before = new Set(ownChildren().map(({ pid }) => pid))
  afterAll(() => {
    const left = ownChildren().filter(({ pid }) => !before.has(pid))
    if (left.length === 0) return
    throw new Error(`processes left running: ${left.map(({ pid, command }) => `${pid} ${command}`).join('; ')}`)
  })
}

function ownChildren() {
  const all = listProcesses()
  const family = new Set(withDescendants([process.pid], all))
  return all.filter(({ pid }) => pid !== process.pid && family.has(pid) && !isHelper(pid, all))
}

/** esbuild and the like belong to vitest, which started them on its own account. */
function isHelper(pid: number, all: ReturnType<typeof listProcesses>): boolean {
  return all.some((entry) => entry.pid === pid && entry.command.includes('/esbuild'))
}
