import type { Alert } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { subjectWords } from './subject-words.ts'
import { showList, type Page } from '../../output/show.ts'

export const command = defineCommand({
  args: {},
  options: {},
  examples: [
    { line: 'panda alert list', note: 'what is told, of what, to whom' },
    { line: 'panda alert list -o json', note: 'for a script' },
  ],
  async run({ session }) {
    const api = await session.api()
    const page = await api.get<Page<Alert>>('/v1/alerts', api.project)
    await showList(session, page, {
      columns: [
        { head: 'NAME', cell: ({ name }) => name },
        { head: 'ON', cell: ({ on }) => on.join(','), flexible: true },
        { head: 'FOR', cell: subjectWords },
        { head: 'CHANNEL', cell: ({ channel }) => channel.kind },
        { head: 'TARGET', cell: ({ channel }) => channel.target, flexible: true },
      ],
      wideColumns: [
        { head: 'LATE AFTER', cell: ({ lateAfter }) => lateAfter },
        { head: 'GROUPED FOR', cell: ({ groupFor }) => groupFor },
      ],
      name: ({ name }) => name,
      empty: 'There are no alerts yet. Make one: panda alert create --help',
    })
  },
})
