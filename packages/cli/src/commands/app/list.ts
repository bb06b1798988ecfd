import type { App } from '@pandastack/contract'
import { appColumns } from '../../apps/view.ts'
import { defineCommand } from '../../command.ts'
import { showList } from '../../output/show.ts'

export const command = defineCommand({
  args: {},
  options: {},
  examples: [
    { line: 'panda app list', note: 'state, ready instances, revision, image' },
    { line: 'panda app list -o name', note: 'names only, one per line' },
  ],
  async run({ session }) {
    const api = await session.api()
    await showList(session, await api.all<App>('/v1/apps', api.project), {
      ...appColumns(session),
      name: ({ name }) => name,
      empty: 'There are no apps yet. Make one: panda app deploy --help',
    })
  },
})
