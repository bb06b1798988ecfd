import type { LogLine, Run } from '@pandastack/contract'
import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Client, Query } from '../http/client.ts'
import { events } from '../http/sse.ts'

export interface FollowOptions {
  /** Further filters of the log. */
  readonly query?: Query
  readonly onLine?: (line: LogLine) => Promise<void>
  readonly onCut?: (reason: string) => void
  readonly signal?: AbortSignal
}

/** Filters for one who only waits: no line that the container writes is sent. */
export const WAIT_ONLY: Query = { stream: 'panda', tail: 0 }

/**
 * The live log of a run until the run has ended; answers the run. Over any number of cuts no line comes twice.
 *
 * @throws CliError when the run is unknown or the server stays away; the signal's reason when it is aborted.
 */
export async function followRun(client: Client, id: string, options: FollowOptions): Promise<Run> {
  const { onLine, onCut, signal, query } = options
  let last = 0
  const stream = events(client, `/v1/runs/${id}/logs`, {
    query: { ...client.project, ...query, follow: true },
    ...(onCut === undefined ? {} : { onCut }),
    ...(signal === undefined ? {} : { signal }),
  })
  for await (const event of stream) {
    if (event.event === 'end') return JSON.parse(event.data) as Run
    if (event.event !== 'log') continue // a kind of event of a later server
    const line = JSON.parse(event.data) as LogLine
    if (line.line <= last) continue
    last = line.line
    await onLine?.(line)
  }
  throw new CliError('the live log ended without a verdict', { code: 'unexpected_answer', exitCode: EXIT.failed })
}
