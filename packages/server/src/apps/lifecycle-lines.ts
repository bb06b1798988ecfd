import { z } from 'zod'
import type { LogWriter } from '../logs/log-types.ts'
import type { LogChunk } from '../runtime/driver.ts'
import type { Told } from './workers.ts'

const count = z.number().int().min(0).max(1_000_000_000)
/** Longer than any name of a queue or subscription; absent in the words of older SDKs. */
const who = { of: z.string().max(300).optional(), worker: z.string().max(100).optional() }
const toldSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('starting'), ...who }),
  z.object({ kind: z.literal('registered'), ...who }),
  z.object({ kind: z.literal('draining'), ...who, held: count }),
  z.object({ kind: z.literal('drained'), ...who, finished: count, handedBack: count }),
])

/** With it begins what the SDK tells the platform; the instance's id keeps a program from saying it by chance. */
export function lifecyclePrefix(instanceId: string): string {
  return `panda::${instanceId} `
}

/** What the line says; null when it is an ordinary one, or not one that this version knows. */
export function readLifecycleLine(prefix: string, text: string): Told | null {
  if (!text.startsWith(prefix)) return null
  try {
    const parsed = toldSchema.safeParse(JSON.parse(text.slice(prefix.length)))
    return parsed.success ? parsed.data : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** A writer that takes the lifecycle's lines out of an instance's output and tells of them. */
export function withoutLifecycleLines(
  writer: LogWriter,
  instanceId: string,
  onTold: (told: Told) => Promise<void>,
): LogWriter {
  const prefix = lifecyclePrefix(instanceId)
  let midLine = false
  return {
    get cursor() {
      return writer.cursor
    },
    async write(chunk: LogChunk) {
      const told = midLine ? null : readLifecycleLine(prefix, chunk.text)
      if (chunk.stream === 'stdout') midLine = !chunk.endOfLine
      if (told === null || chunk.stream !== 'stdout' || !chunk.endOfLine) return writer.write(chunk)
      await onTold(told)
    },
    mark: (text) => writer.mark(text),
    rewind: () => {
      midLine = false
      writer.rewind()
    },
    flush: () => writer.flush(),
    close: (options) => writer.close(options),
  }
}
