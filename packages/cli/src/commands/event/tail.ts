import { defineCommand, flag, integer, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { EXIT } from '../../exit-codes.ts'
import { BROKER, BROKER_DETAILS, withEvents } from '../../events/open-port.ts'
import { parseFrom } from '../../events/parse-from.ts'
import { eventLine } from '../../events/view.ts'
import type { Session } from '../../session.ts'
import type { LoggedEventView } from '@pandastack/contract'

const DEFAULT_BACK = '1h'

export const command = defineCommand({
  args: { patterns: { value: 'PATTERN', text: 'Only types that match, e.g. "user.*" or "order.#"', many: true } },
  options: {
    follow: flag('Go on with new events until Ctrl-C', { short: 'f' }),
    from: text('WHERE', 'How far back: 2h, RFC 3339, or an offset. Default 1h; now with --follow'),
    limit: integer('N', 'End after so many'),
    broker: BROKER,
  },
  details: [
    'Reads the event log of the broker, without taking anything from anybody. -o json gives one object per line.',
    ...BROKER_DETAILS,
  ],
  examples: [
    { line: 'panda event tail', note: 'the last hour' },
    { line: 'panda event tail "user.*" --from 2h --limit 20 -o json', note: 'for jq' },
  ],
  async run({ args, options, session }) {
    const { format } = session.globals
    if (format === 'yaml') throw usageError('a log cannot be shown as yaml', 'Use -o json.')
    const now = session.io.now()
    const from = parseFrom(options.from ?? (options.follow ? now.toISOString() : DEFAULT_BACK), now)
    const patterns = args.patterns.length === 0 ? ['#'] : args.patterns
    const stop = new AbortController()
    const release = session.io.onInterrupt(() => stop.abort())
    try {
      const query = { from, patterns, follow: options.follow, signal: stop.signal }
      const shown = await withEvents(session, options.broker, (port) =>
        showAll(session, port.log(query), options.limit ?? Number.POSITIVE_INFINITY),
      )
      if (shown === 0) await session.hint('There is no such event in that time. Further back: --from 7d')
    } catch (error) {
      if (stop.signal.aborted) return EXIT.interrupted
      throw error
    } finally {
      release()
    }
  },
})

async function showAll(session: Session, events: AsyncIterable<LoggedEventView>, limit: number): Promise<number> {
  let shown = 0
  for await (const event of events) {
    await session.print(lineOf(session, event))
    shown += 1
    if (shown >= limit) break
  }
  return shown
}

function lineOf(session: Session, event: LoggedEventView): string {
  const { format } = session.globals
  if (format === 'json') return JSON.stringify(event)
  if (format === 'name') return event.id
  const line = eventLine(session, event)
  return format === 'wide' ? `${session.style.dim(String(event.offset))} ${line}` : line
}
