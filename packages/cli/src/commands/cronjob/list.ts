import type { Cronjob } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { showList } from '../../output/show.ts'
import { cronjobColumns } from './view.ts'

export const command = defineCommand({
  args: {},
  options: {},
  examples: [
    { line: 'panda cronjob list', note: 'name, schedule, next run, last result' },
    { line: 'panda cronjob list -o name', note: 'names only, one per line' },
  ],
  async run({ session }) {
    const api = await session.api()
    const page = await api.all<Cronjob>('/v1/cronjobs', api.project)
    await showList(session, page, {
      ...cronjobColumns(session),
      name: ({ name }) => name,
      empty: 'There are no cronjobs yet. Make one: panda cronjob create --help',
    })
  },
})
