import { defineCommand } from '../../command.ts'
import { showList } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withQueues } from '../../queues/open-port.ts'
import { queueColumns } from '../../queues/view.ts'

export const command = defineCommand({
  args: {},
  options: { store: STORE },
  details: [STORE_DETAILS],
  examples: [
    { line: 'panda queue list', note: 'what waits, runs and is dead in each' },
    { line: 'panda queue list --store redis://localhost:6379', note: 'of a bare Redis' },
  ],
  async run({ options, session }) {
    const page = await withQueues(session, options.store, (port) => port.list())
    await showList(session, page, {
      columns: queueColumns(session),
      name: ({ name }) => name,
      empty: 'There are no queues yet: one exists from its first job on. Try: panda queue add --help',
    })
  },
})
