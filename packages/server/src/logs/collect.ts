import type { Logger } from 'pino'
import { systemClock, type Clock } from '../clock.ts'
import { RuntimeError, type RuntimeDriver } from '../runtime/driver.ts'
import type { LogWriter } from './log-types.ts'
import type { Redactor } from './redact.ts'

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5000

export interface CollectOptions {
  readonly driver: Pick<RuntimeDriver, 'logs' | 'inspect'>
  /** The unit's name. */
  readonly unit: string
  readonly writer: LogWriter
  readonly redactor: Redactor
  /** Ends the collection, e.g. when the server stops or the run belongs to another server now. */
  readonly signal: AbortSignal
  readonly clock?: Clock
  readonly log?: Pick<Logger, 'warn'>
}

/**
 * Reads a unit's output into its run's log until the unit has exited and everything is stored. While the engine is away
 * it waits (100 ms doubling to 5 s) and goes on without a gap. Calling it again for the same attempt, with a new
 * writer, goes on where the last one stopped; after the exit it drains what is left.
 *
 * @returns `complete` when all was stored; `gone` when the unit does not exist (a mark says so in the log); `aborted`
 * when the signal ended it (what was read is stored, the log is not complete).
 * @throws StaleLogWriterError when another writer took over.
 */
export async function collectLogs(options: CollectOptions): Promise<'complete' | 'gone' | 'aborted'> {
  const { driver, unit, writer, redactor, signal } = options
  const clock = options.clock ?? systemClock
  let waitMs = FIRST_RETRY_MS
  let lastCursor = ''
  // Ends with the signal: how long an engine may be away is for the caller to say.
  for (;;) {
    try {
      for await (const chunk of driver.logs(unit, { after: writer.cursor, follow: true, signal })) {
        if (chunk.gapBefore)
          await writer.mark('output is missing here: the engine threw it away before it could be read')
        await writer.write(redactor.redact(chunk))
        lastCursor = chunk.cursor
        waitMs = FIRST_RETRY_MS
      }
      signal.throwIfAborted()
      await writeRest(options, lastCursor)
      // A unit that is removed ends its output too: then nobody knows whether that was all.
      const gone = (await driver.inspect(unit, signal)) === null
      if (gone) await writer.mark('the unit is gone: what it wrote after the last line here could not be read')
      await writer.close({ complete: true })
      return gone ? 'gone' : 'complete'
    } catch (error) {
      if (signal.aborted) return closeAborted(options)
      if (!(error instanceof RuntimeError)) throw error
      options.log?.warn({ err: error, unit }, "a unit's output cannot be read; trying again")
    }
    redactor.reset()
    writer.rewind()
    await clock.sleep(waitMs, signal)
    if (signal.aborted) return closeAborted(options)
    waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)
  }
}

/** What the redactor holds back of lines that were never ended. */
async function writeRest(options: CollectOptions, cursor: string): Promise<void> {
  const { writer, redactor } = options
  for (const stream of ['stdout', 'stderr'] as const) {
    const text = redactor.rest(stream)
    if (text === '') continue
    await writer.write({ stream, time: new Date(), text, endOfLine: false, cursor })
  }
}

/** What cannot be stored now is read again by the next writer, so it is no loss. */
async function closeAborted({ writer, unit, log }: CollectOptions): Promise<'aborted'> {
  try {
    await writer.close({ complete: false })
  } catch (error) {
    log?.warn({ err: error, unit }, "the end of a unit's output is left to the next server")
  }
  return 'aborted'
}
