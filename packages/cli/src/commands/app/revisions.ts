import type { Revision } from '@pandastack/contract'
import { revisionColumns } from '../../apps/view.ts'
import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { showList } from '../../output/show.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: {},
  examples: [
    { line: 'panda app revisions thumbnailer', note: 'the newest first' },
    { line: 'panda app revisions thumbnailer -o json', note: 'with all of their specs' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = `${pathOf('apps', args.name)}/revisions`
    const { items } = await withNearNames(api, 'apps', args.name, () =>
      api.get<{ items: Revision[] }>(path, api.project),
    )
    await showList(
      session,
      { items, nextCursor: null },
      {
        columns: revisionColumns(session),
        name: ({ revision }) => String(revision),
        empty: 'There are no revisions.',
      },
    )
  },
})
