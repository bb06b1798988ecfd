import type { Secret } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { showList } from '../../output/show.ts'
import { relative } from '../../output/time.ts'

export const command = defineCommand({
  args: {},
  options: {},
  examples: [
    { line: 'panda secret list', note: 'names and fingerprints; values never come back' },
    { line: 'panda secret list -o name', note: 'names only' },
  ],
  async run({ session }) {
    const api = await session.api()
    const page = await api.all<Secret>('/v1/secrets', api.project)
    const now = session.io.now()
    await showList(session, page, {
      columns: [
        { head: 'NAME', cell: ({ name }) => name },
        { head: 'KIND', cell: ({ kind }) => kind },
        { head: 'FOR', cell: ({ cronjob }) => cronjob ?? 'the project' },
        { head: 'FINGERPRINT', cell: ({ fingerprint }) => fingerprint },
        { head: 'VERSION', cell: ({ version }) => String(version), right: true },
        { head: 'CHANGED', cell: ({ updatedAt }) => relative(updatedAt, now) },
      ],
      name: ({ name }) => name,
      empty: 'There are no secrets. Set one: panda secret set NAME',
    })
  },
})
