import type { LogLine } from '@pandastack/contract'
import { LOG_STREAMS } from '@pandastack/contract/names'
import { choice, defineCommand, flag, integer, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import type { Query } from '../../http/client.ts'
import { parseSince } from '../../parse-time.ts'
import { findRun } from '../../runs/find-run.ts'
import { followLog } from '../../runs/follow-log.ts'
import { LogPrinter } from '../../runs/log-printer.ts'
import { logPages } from '../../runs/log-pages.ts'
import { RUN } from '../../runs/run-argument.ts'

export const command = defineCommand({
  args: { run: RUN },
  options: {
    follow: flag('Go on until the run has ended', { short: 'f' }),
    tail: integer('N', 'Only the last N lines', 0),
    since: text('TIME', 'Only lines since, e.g. 10m or 2026-05-01T08:00:00Z'),
    timestamps: flag('Put the time before each line', { short: 't' }),
    stream: choice(LOG_STREAMS, 'Only one stream: stdout, stderr, panda (our own marks)', 'STREAM'),
    attempt: integer('N', 'Only this attempt'),
  },
  details: [
    'stdout of the container goes to stdout, its stderr to stderr. On a terminal, control sequences other than',
    'colours are removed; in a pipe the text stays as it was written. -o json gives one object per line.',
  ],
  examples: [
    { line: 'panda run logs RUN', note: 'all of it' },
    { line: 'panda run logs weekly-digest --tail 20 --timestamps', note: 'the newest run of a cronjob' },
    { line: 'panda run logs RUN --follow', note: 'live, until the run has ended' },
  ],
  async run({ args, options, session }) {
    const { format } = session.globals
    if (format === 'yaml' || format === 'name') throw usageError(`a log cannot be shown as ${format}`, 'Use -o json.')
    const query: Query = {
      tail: options.tail,
      since: options.since === undefined ? undefined : parseSince(options.since, '--since', session.io.now()),
      stream: options.stream,
      attempt: options.attempt,
    }
    const api = await session.api()
    const id = await findRun(api, args.run)
    const printer = new LogPrinter(session, { timestamps: options.timestamps })
    const onLine = (line: LogLine) => (format === 'json' ? session.print(JSON.stringify(line)) : printer.print(line))
    if (options.follow) return followLog(session, api, id, { query, onLine })
    for await (const line of logPages(api, id, query)) await onLine(line)
  },
})
