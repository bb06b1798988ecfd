import type { AppLogLine } from '@pandastack/contract'
import { EXIT } from '../exit-codes.ts'
import type { Client, Query } from '../http/client.ts'
import { events } from '../http/sse.ts'
import type { Session } from '../session.ts'

export interface FollowAppLog {
  readonly query: Query
  readonly onLine: (line: AppLogLine) => Promise<void>
}

/** Shows new lines of all instances until Ctrl-C. Over any number of cuts no line comes twice. @returns the exit code */
export async function followAppLog(
  session: Session,
  client: Client,
  path: string,
  { query, onLine }: FollowAppLog,
): Promise<number> {
  const stop = new AbortController()
  const release = session.io.onInterrupt(() => stop.abort())
  const last = new Map<string, number>()
  try {
    for await (const { event, data } of events(client, path, {
      query: { ...query, follow: true },
      signal: stop.signal,
    })) {
      if (event !== 'log') continue // a kind of event of a later server
      const line = JSON.parse(data) as AppLogLine
      if (line.line <= (last.get(line.instance) ?? 0)) continue
      last.set(line.instance, line.line)
      await onLine(line)
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    release()
  }
  return EXIT.interrupted
}
