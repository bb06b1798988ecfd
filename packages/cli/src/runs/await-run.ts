import type { Run } from '@pandastack/contract'
import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Client } from '../http/client.ts'
import type { Session } from '../session.ts'
import { followRun, WAIT_ONLY } from './follow.ts'
import { LogPrinter } from './log-printer.ts'

export interface AwaitOptions {
  readonly follow: boolean
  /** Milliseconds; undefined = as long as it takes. */
  readonly timeoutMs: number | undefined
}

/** setTimeout counts in 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Waits for the end of a run, showing its log when asked to. The run goes on when the wait ends early.
 *
 * @throws CliError `timed_out` (6) or `interrupted` (130), each saying how to go on.
 */
export async function awaitRun(session: Session, client: Client, run: Run, options: AwaitOptions): Promise<Run> {
  const stop = new AbortController()
  const again = `panda run logs ${run.id} --follow`
  const release = session.io.onInterrupt(() => stop.abort(detached(again)))
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => stop.abort(outOfTime(run.id)), Math.min(options.timeoutMs, LONGEST_TIMER_MS))
  // With -o json the answer on stdout is the run alone, so its log goes to stderr.
  const machine = session.globals.format !== 'table' && session.globals.format !== 'wide'
  const printer = new LogPrinter(session, machine ? { out: session.io.stderr } : {})
  try {
    return await followRun(client, run.id, {
      signal: stop.signal,
      ...(options.follow ? { onLine: (line) => printer.print(line) } : { query: WAIT_ONLY }),
    })
  } catch (error) {
    if (stop.signal.reason instanceof CliError) throw stop.signal.reason
    throw error
  } finally {
    release()
    clearTimeout(timer)
  }
}

function detached(again: string): CliError {
  return new CliError('detached; the run goes on', {
    code: 'interrupted',
    exitCode: EXIT.interrupted,
    hint: `Go on with: ${again}`,
  })
}

function outOfTime(id: string): CliError {
  return new CliError('the run has not ended in the time of --timeout; it goes on', {
    code: 'timed_out',
    exitCode: EXIT.timedOut,
    hint: `See it: panda run get ${id}; end it: panda run cancel ${id}`,
  })
}

/** 0 when it succeeded; else 5, or the container's own code when that was asked for and there is one. */
export function verdictCode(run: Run, ownCode: boolean): number {
  if (run.state === 'succeeded') return EXIT.ok
  return ownCode && run.exitCode !== null && run.exitCode !== 0 ? run.exitCode : EXIT.runFailed
}
