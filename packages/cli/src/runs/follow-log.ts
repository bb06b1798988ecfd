import type { LogLine } from '@pandastack/contract'
import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Client, Query } from '../http/client.ts'
import type { Session } from '../session.ts'
import { followRun } from './follow.ts'
import { verdict } from './view.ts'

interface FollowLogOptions {
  readonly query: Query
  readonly onLine: (line: LogLine) => Promise<void>
}

/** Shows the log until the run has ended or Ctrl-C; the verdict goes to stderr and does not change the exit code. */
export async function followLog(
  session: Session,
  client: Client,
  id: string,
  options: FollowLogOptions,
): Promise<void> {
  const stop = new AbortController()
  const release = session.io.onInterrupt(() => stop.abort(detached(id)))
  try {
    const run = await followRun(client, id, { ...options, signal: stop.signal })
    if (session.globals.format === 'table' || session.globals.format === 'wide') {
      await session.say(verdict(session, run))
    }
  } catch (error) {
    if (stop.signal.reason instanceof CliError) throw stop.signal.reason
    throw error
  } finally {
    release()
  }
}

function detached(id: string): CliError {
  return new CliError('stopped showing the log; the run goes on', {
    code: 'interrupted',
    exitCode: EXIT.interrupted,
    hint: `Go on with: panda run logs ${id} --follow`,
  })
}
