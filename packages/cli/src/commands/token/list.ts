import type { Token } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { showList } from '../../output/show.ts'
import { relative } from '../../output/time.ts'

export const command = defineCommand({
  args: {},
  options: {},
  examples: [
    { line: 'panda token list', note: 'who may do what; the tokens themselves never come back' },
    { line: 'panda token list -o json', note: 'for a script' },
  ],
  async run({ session }) {
    const api = await session.api()
    const page = await api.all<Token>('/v1/tokens')
    const now = session.io.now()
    const when = (time: string | null, never: string) => (time === null ? never : relative(time, now))
    await showList(session, page, {
      columns: [
        { head: 'ID', cell: ({ id }) => id },
        { head: 'NAME', cell: ({ name }) => name, flexible: true },
        { head: 'SCOPES', cell: ({ scopes }) => scopes.join(',') },
        { head: 'PROJECT', cell: ({ project }) => project ?? 'all' },
        { head: 'LAST USED', cell: ({ lastUsedAt }) => when(lastUsedAt, 'never') },
        { head: 'EXPIRES', cell: ({ expiresAt }) => when(expiresAt, 'never') },
      ],
      name: ({ id }) => id,
      empty: 'There are no tokens.',
    })
  },
})
