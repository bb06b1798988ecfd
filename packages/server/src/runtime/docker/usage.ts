import { z } from 'zod'
import { RuntimeError, type UnitUsage } from '../driver.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'

/** Engines read a container's files for each question: many at once would only wait for each other. */
const AT_ONCE = 8

const STATS = z.object({
  read: z.string(),
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number().nullish() }).nullish() }).nullish(),
  memory_stats: z
    .object({
      usage: z.number().nullish(),
      limit: z.number().nullish(),
      stats: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
})
type Stats = z.infer<typeof STATS>

/** What each container uses; those that do not run are left out. */
export async function readUsage(
  api: EngineApi,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, UnitUsage>> {
  const found = new Map<string, UnitUsage>()
  const left = [...names]
  const work = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const usage = await usageOf(api, name, signal)
      if (usage !== null) found.set(name, usage)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, names.length) }, work))
  return found
}

async function usageOf(api: EngineApi, name: string, signal: AbortSignal | undefined): Promise<UnitUsage | null> {
  const path = `/containers/${encodeURIComponent(name)}/stats`
  // `one-shot`: the engine would else wait for a second sample, about 1 s; whoever wants two asks twice.
  const answer = await api.call({ method: 'GET', path, query: { stream: false, 'one-shot': true }, signal })
  if (answer.status === 404 || answer.status === 409) return null
  if (answer.status !== 200) return unknown(`the engine does not say what it uses: ${refusal(answer)}`)
  // Podman's answer for a container that does not run: nothing at all.
  if (answer.body === null) return null
  const stats = STATS.safeParse(answer.body)
  if (!stats.success) throw new RuntimeError('engine-away', `the engine's figures of ${name} cannot be read`)
  return toUsage(stats.data)
}

/** Docker answers for a container that does not run, too: without figures, and with Go's zero time. */
export function toUsage({ read, cpu_stats, memory_stats }: Stats): UnitUsage | null {
  const atMs = Date.parse(read)
  if (Number.isNaN(atMs) || atMs < 0) return null
  const cpuNanoseconds = cpu_stats?.cpu_usage?.total_usage ?? null
  const memoryBytes = memory_stats == null ? null : memoryOf(memory_stats)
  const missing = [memoryBytes === null ? ['memory'] : [], cpuNanoseconds === null ? ['CPU time'] : []].flat()
  const why = missing.length === 0 ? {} : { why: `the engine counts no ${missing.join(' and no ')} on this machine` }
  return { memoryBytes, memoryLimitBytes: limitOf(memory_stats?.limit), cpuNanoseconds, atMs, ...why }
}

/**
 * As `docker stats` counts: without the file pages that were not used lately, by the name that control groups of
 * version 1, then of version 2 have for them. Podman tells no such details: there it is all that the kernel charges.
 */
function memoryOf({ usage, stats }: NonNullable<Stats['memory_stats']>): number | null {
  if (typeof usage !== 'number') return null
  const inactive = stats?.['total_inactive_file'] ?? stats?.['inactive_file']
  return typeof inactive === 'number' && inactive < usage ? usage - inactive : usage
}

/** Without a limit engines say 0, the machine's memory or the largest number there is. */
function limitOf(limit: number | null | undefined): number | null {
  return typeof limit === 'number' && limit > 0 && Number.isSafeInteger(limit) ? limit : null
}

function unknown(why: string): UnitUsage {
  return { memoryBytes: null, memoryLimitBytes: null, cpuNanoseconds: null, atMs: Date.now(), why }
}
