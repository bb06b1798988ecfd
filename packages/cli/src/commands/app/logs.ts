import type { AppLogLine } from '@pandastack/contract'
import { defineCommand, flag, integer, text } from '../../command.ts'
import { followAppLog } from '../../apps/follow-app-log.ts'
import { usageError } from '../../errors.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { parseSince } from '../../parse-time.ts'
import { LogPrinter } from '../../runs/log-printer.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: {
    follow: flag('Go on with new lines until Ctrl-C', { short: 'f' }),
    tail: integer('N', 'The newest N lines [100]', 0),
    since: text('TIME', 'Only lines since, e.g. 10m or 2026-05-01T08:00:00Z'),
    instance: text('INSTANCE', 'Of this instance only'),
    timestamps: flag('Put the time before each line', { short: 't' }),
  },
  details: ['Each line begins with the name of its instance. -o json gives one object per line.'],
  examples: [
    { line: 'panda app logs thumbnailer', note: 'the newest lines of all instances' },
    { line: 'panda app logs thumbnailer --tail 20 --timestamps', note: 'with times' },
  ],
  async run({ args, options, session }) {
    const { format } = session.globals
    if (format === 'yaml' || format === 'name') throw usageError(`a log cannot be shown as ${format}`, 'Use -o json.')
    const since = options.since === undefined ? undefined : parseSince(options.since, '--since', session.io.now())
    const api = await session.api()
    const query = { ...api.project, tail: options.tail, since, instance: options.instance }
    const printer = new LogPrinter(session, { timestamps: options.timestamps })
    const onLine = (line: AppLogLine): Promise<void> => {
      if (format === 'json') return session.print(JSON.stringify(line))
      return printer.print({ ...line, text: `${session.style.cyan(line.instance)}  ${line.text}` })
    }
    const path = `${pathOf('apps', args.name)}/logs`
    const { items } = await withNearNames(api, 'apps', args.name, () =>
      api.get<{ items: AppLogLine[] }>(path, options.follow ? { ...query, tail: 0 } : query),
    )
    if (options.follow) return followAppLog(session, api, path, { query, onLine })
    for (const line of items) await onLine(line)
    if (items.length === 0) await session.hint('There are no log lines that fit yet.')
  },
})
