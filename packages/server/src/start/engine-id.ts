import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Log } from '../log.ts'
import { type EngineInfo, type RuntimeDriver, RuntimeError } from '../runtime/driver.ts'

/** The engine is asked for so long; then the start goes on without it. */
const ANSWER_LIMIT_MS = 5000

const rememberedSchema = z.object({ runtime: z.string(), id: z.string(), address: z.string().nullable().default(null) })

export type RememberedEngine = z.output<typeof rememberedSchema>

/**
 * Which engine this server works with: runs are adopted by servers of the same engine. An engine that is away at this
 * start is taken for the one that was there at the last.
 *
 * @param log told when it does not answer
 * @returns null when it does not answer and never has
 */
export async function engineId(driver: RuntimeDriver, home: string, log: Log | null): Promise<string | null> {
  const file = fileOf(home)
  const info = await askEngine(driver)
  if (info === null) {
    const last = await rememberedEngine(home)
    const remembered = last?.runtime === driver.name ? last.id : null
    log?.warn(`the container engine does not answer; runs wait for it${remembered === null ? '' : ` (${remembered})`}`)
    return remembered
  }
  const found: RememberedEngine = { runtime: driver.name, id: info.id, address: info.address ?? null }
  await writeFile(`${file}.new`, `${JSON.stringify(found)}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
  return info.id
}

/** null while the engine is away. */
export async function askEngine(driver: RuntimeDriver, limitMs = ANSWER_LIMIT_MS): Promise<EngineInfo | null> {
  const signal = AbortSignal.timeout(limitMs)
  try {
    return await driver.info(signal)
  } catch (error) {
    if (signal.aborted || (error instanceof RuntimeError && error.code === 'engine-away')) return null
    throw error
  }
}

function fileOf(home: string): string {
  return join(home, 'engine.json')
}

/** The engine of the last start of this home at which one answered; null = none. */
export async function rememberedEngine(home: string): Promise<RememberedEngine | null> {
  try {
    return rememberedSchema.parse(JSON.parse(await readFile(fileOf(home), 'utf8')))
  } catch {
    return null // never written, or not by us: as if it was the first start
  }
}
