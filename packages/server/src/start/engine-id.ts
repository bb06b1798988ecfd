import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Log } from '../log.ts'
import { type EngineInfo, type RuntimeDriver, RuntimeError } from '../runtime/driver.ts'

/** The engine is asked for so long; then the start goes on without it. */
const ANSWER_LIMIT_MS = 5000

const rememberedSchema = z.object({ runtime: z.string(), id: z.string() })

/**
 * Which engine this server works with: runs are adopted by servers of the same engine. An engine that is away at this
 * start is taken for the one that was there at the last.
 */
export async function engineId(driver: RuntimeDriver, home: string, log: Log): Promise<string> {
  const file = join(home, 'engine.json')
  const info = await askEngine(driver)
  if (info === null) {
    const remembered = await recall(file, driver.name)
    log.warn(`the container engine does not answer; runs wait for it${remembered === null ? '' : ` (${remembered})`}`)
    return remembered ?? `unknown-${driver.name}`
  }
  await writeFile(`${file}.new`, `${JSON.stringify({ runtime: driver.name, id: info.id })}\n`, { mode: 0o600 })
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

async function recall(file: string, runtime: string): Promise<string | null> {
  try {
    const remembered = rememberedSchema.parse(JSON.parse(await readFile(file, 'utf8')))
    return remembered.runtime === runtime ? remembered.id : null
  } catch {
    return null // never written, or not by us: as if it was the first start
  }
}
