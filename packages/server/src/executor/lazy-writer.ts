import type { LogWriter } from '../logs/log-types.ts'

/**
 * A writer for an attempt that cannot have a log yet: it is opened with the first line. A unit that writes nothing costs
 * the database nothing, which counts when thousands start in one second.
 */
export function lazyWriter(open: () => Promise<LogWriter>): LogWriter {
  let opening: Promise<LogWriter> | undefined
  let opened: LogWriter | undefined
  const writer = async (): Promise<LogWriter> => {
    // A failed opening is tried again with the next line.
    opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    opened = await opening
    return opened
  }
  return {
    get cursor() {
      return opened?.cursor ?? null
    },
    write: async (chunk) => (opened ?? (await writer())).write(chunk),
    mark: async (text) => (opened ?? (await writer())).mark(text),
    rewind: () => opened?.rewind(),
    flush: async () => opened?.flush(),
    close: async (options) => opened?.close(options),
  }
}
