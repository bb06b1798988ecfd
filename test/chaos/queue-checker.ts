import { readFileSync } from 'node:fs'
import type { QueueStats } from '../../packages/sdk/src/queue/driver.ts'
import type { WorkerFiles } from './queue-workers.ts'

export interface QueueVerdict {
  readonly figures: Readonly<Record<string, number>>
  /** Acknowledged and never done. */
  readonly lost: readonly string[]
}

interface Line {
  readonly id: string
  readonly at: number
  readonly pid: number
}

/**
 * Counts by what the producer was told, what the handlers wrote, and the store's own totals.
 * @param killedAt of the workers by pid, in ms since 1970
 * @param backAt when the store was back after an outage
 */
export function checkQueue(
  acknowledged: ReadonlySet<string>,
  files: WorkerFiles,
  stats: QueueStats,
  killedAt: ReadonlyMap<number, number>,
  backAt: readonly number[],
): QueueVerdict {
  const starts = read(files.starts)
  const effects = read(files.effects)
  const done = new Map<string, number>()
  for (const { id, at } of effects) done.set(id, Math.max(done.get(id) ?? 0, at))
  const lost = [...acknowledged].filter((id) => !done.has(id))
  const { totals, counts } = stats
  return {
    lost,
    figures: {
      acknowledged: acknowledged.size,
      lost: lost.length,
      // One accepted result per job: more would show as more successes than jobs, less as jobs that have not ended.
      acceptedTwice: Math.max(0, totals.succeeded - acknowledged.size),
      notSucceeded: acknowledged.size - counts.succeeded,
      dead: counts.dead,
      extraStarts: starts.length - new Set(starts.map(({ id }) => id)).size,
      extraEffects: effects.length - done.size,
      recoveryMaxMs: recovery(starts, effects, done, killedAt, backAt),
    },
  }
}

/**
 * The longest time from the death of a worker until the last job that it had begun was done by another one. After an outage
 * of the store all leases look old, and their owners get the time of one lease to renew them: the time counts from its end.
 */
function recovery(
  starts: readonly Line[],
  effects: readonly Line[],
  done: ReadonlyMap<string, number>,
  killedAt: ReadonlyMap<number, number>,
  backAt: readonly number[],
): number {
  const finishedBy = new Set(effects.map(({ id, pid }) => `${id} ${pid}`))
  let longest = 0
  for (const { id, pid } of starts) {
    if (finishedBy.has(`${id} ${pid}`)) continue
    const death = killedAt.get(pid)
    const end = done.get(id)
    if (death !== undefined && end !== undefined) {
      const from = Math.max(death, ...backAt.filter((back) => back <= end))
      longest = Math.max(longest, end - from)
    }
  }
  return longest
}

function read(file: string): Line[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', at = '', pid = ''] = line.split(' ')
      return { id, at: Number(at), pid: Number(pid) }
    })
}
