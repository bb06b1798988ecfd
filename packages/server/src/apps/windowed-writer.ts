import { formatSize } from '@pandastack/contract'
import { lineBytes } from '../logs/log-batch.ts'
import type { LogWriter } from '../logs/log-types.ts'

/** A part of the window that may come on top of it between two prunings. */
const SLACK = 4

export interface LogWindow {
  /** Of the log of one instance, in bytes. */
  readonly keepBytes: number
  /** Removes what is older than the newest `keepBytes`. @returns how many lines went */
  readonly prune: () => Promise<number>
}

/**
 * A writer whose log is a window: whenever a quarter of the window was written, what is older than the window is removed
 * and a line says how much, so that an instance that floods its log takes as much room as any other.
 */
export function windowedWriter(writer: LogWriter, { keepBytes, prune }: LogWindow): LogWriter {
  let written = 0
  const slide = async (): Promise<void> => {
    written = 0
    // What is on its way counts too.
    await writer.flush()
    const lines = await prune()
    if (lines === 0) return
    await writer.mark(
      `the ${lines} oldest lines of this log were removed: the newest ${formatSize(keepBytes)} are kept`,
    )
  }
  return {
    get cursor() {
      return writer.cursor
    },
    async write(chunk) {
      await writer.write(chunk)
      written += lineBytes(chunk)
      if (written >= keepBytes / SLACK) await slide()
    },
    mark: (text) => writer.mark(text),
    rewind: () => writer.rewind(),
    flush: () => writer.flush(),
    close: (options) => writer.close(options),
  }
}
