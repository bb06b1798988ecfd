import type { Project } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { showList } from '../../output/show.ts'
import { relative } from '../../output/time.ts'

export const command = defineCommand({
  args: {},
  options: {},
  examples: [
    { line: 'panda project list', note: 'all that the token may see' },
    { line: 'panda project list -o name', note: 'names only' },
  ],
  async run({ session }) {
    const api = await session.api()
    const page = await api.all<Project>('/v1/projects')
    const now = session.io.now()
    await showList(session, page, {
      columns: [
        { head: 'NAME', cell: ({ name }) => name },
        { head: 'CREATED', cell: ({ createdAt }) => relative(createdAt, now) },
      ],
      wideColumns: [{ head: 'ID', cell: ({ id }) => id }],
      name: ({ name }) => name,
      empty: 'There are no projects.',
    })
  },
})
