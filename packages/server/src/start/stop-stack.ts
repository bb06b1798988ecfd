import type { Log } from '../log.ts'

/** What one part may take to stop before the next one is stopped without waiting for it. */
const PART_TIMEOUT_MS = 20_000

/** Remembers how to undo each step of a start; undoes them in reverse order. */
export class StopStack {
  readonly #log: Log
  readonly #parts: { name: string; stop: () => Promise<void> }[] = []
  #stopping: Promise<void> | undefined

  constructor(log: Log) {
    this.#log = log
  }

  push(name: string, stop: () => Promise<void>): void {
    this.#parts.push({ name, stop })
  }

  /** Never rejects: a part that fails to stop is logged and the next one follows. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll()
    return this.#stopping
  }

  async #stopAll(): Promise<void> {
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      const startedAt = performance.now()
      try {
        await withTimeout(part.stop(), PART_TIMEOUT_MS)
        this.#log.debug({ part: part.name, ms: Math.round(performance.now() - startedAt) }, 'stopped')
      } catch (error) {
        this.#log.error({ err: error, part: part.name }, 'a part did not stop properly')
      }
    }
  }
}

async function withTimeout(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not stopped after ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
