import type { Cronjob, Preview } from '@pandastack/contract'
import { defineCommand, integer, text } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import type { Query } from '../../http/client.ts'
import { show } from '../../output/show.ts'
import { renderTable } from '../../output/table.ts'
import { relative } from '../../output/time.ts'
import { parseMoment } from '../../parse-time.ts'
import type { Session } from '../../session.ts'
import { sayWarnings } from './view.ts'

const DEFAULT_COUNT = 10
const NOTES = {
  'dst-gap': 'clocks go forward: the time does not exist, fires at the end of the gap',
  'dst-repeat': 'clocks go back: the time comes twice, fires once',
} as const

export const command = defineCommand({
  args: {
    schedule: {
      value: 'NAME|CRON',
      text: 'Cronjob, or a schedule in quotes (needs no server)',
      required: true,
      completes: 'cronjob',
    },
  },
  options: {
    timezone: text('ZONE', "IANA name; default: the cronjob's, else UTC"),
    count: integer('N', 'How many [10]'),
    from: text('TIME', 'Start from this moment instead of now'),
  },
  examples: [
    { line: 'panda cronjob preview "0 8 * * 1" --timezone Europe/Berlin', note: 'the next ten Mondays' },
    { line: 'panda cronjob preview weekly-digest --count 3', note: 'for a cronjob that exists' },
  ],
  async run({ args, options, session }) {
    const count = options.count ?? DEFAULT_COUNT
    const from = options.from === undefined ? undefined : parseMoment(options.from, '--from')
    const preview = isExpression(args.schedule)
      ? await offline(args.schedule, options.timezone, count, from ?? session.io.now())
      : await fromServer(session, args.schedule, { timezone: options.timezone, count, from: from?.toISOString() })
    await show(session, preview, {
      name: () => preview.ticks.map(({ dueAt }) => dueAt).join('\n'),
      human: () => previewText(session, preview),
    })
    await sayWarnings(session, preview.warnings)
  },
})

/** Names have no blanks, no `*` and do not begin with `@`; schedules always have one of them. */
function isExpression(text: string): boolean {
  return /[\s@*]/.test(text)
}

async function offline(schedule: string, zone: string | undefined, count: number, from: Date): Promise<Preview> {
  const { previewOffline } = await import('../../preview-offline.ts')
  return previewOffline({ schedule, timezone: zone ?? 'UTC', count, from })
}

async function fromServer(session: Session, name: string, query: Query): Promise<Preview> {
  const api = await session.api()
  const path = pathOf('cronjobs', name)
  const cronjob = await withNearNames(api, 'cronjobs', name, () => api.get<Cronjob>(path, api.project))
  const timezone = query['timezone'] ?? cronjob.timezone
  return api.get<Preview>('/v1/preview', { ...query, schedule: cronjob.schedule, timezone })
}

function previewText(session: Session, { ticks, words, timezone, schedule }: Preview): string {
  const { style } = session
  const now = session.io.now()
  const heading = `${style.bold(schedule)}  ${words}, ${timezone}`
  if (ticks.length === 0) return `${heading}\nIt does not fire in the next years.`
  const table = renderTable(
    ticks,
    [
      { head: 'LOCAL TIME', cell: ({ local }) => local.replace('T', ' ') },
      { head: 'UTC', cell: ({ dueAt }) => dueAt.replace('.000Z', 'Z') },
      { head: 'IN', cell: ({ dueAt }) => relative(dueAt, now) },
      {
        head: 'NOTE',
        cell: ({ note }) => (note === null ? '' : NOTES[note]),
        paint: (text) => (text === 'NOTE' ? text : style.yellow(text)),
      },
    ],
    { paintHead: style.dim },
  )
  return `${heading}\n${table}`
}
