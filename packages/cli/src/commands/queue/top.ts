import type { QueueView } from '@pandastack/contract'
import { defineCommand, flag, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { redraw } from '../../output/redraw.ts'
import { showList } from '../../output/show.ts'
import { renderTable } from '../../output/table.ts'
import { STORE, STORE_DETAILS, withQueues } from '../../queues/open-port.ts'
import { watchRates, type RatedQueue } from '../../queues/watch-rates.ts'
import { queueColumns } from '../../queues/view.ts'
import type { Column } from '../../output/table.ts'
import type { Session } from '../../session.ts'
import { parseDuration } from '@pandastack/contract'

export const command = defineCommand({
  args: {},
  options: {
    every: text('DURATION', 'How often it is looked at (default 2s)'),
    once: flag('Look twice, show the rates, end'),
    store: STORE,
  },
  details: ['Queues with their rates, busiest first, until Ctrl-C.', STORE_DETAILS],
  examples: [
    { line: 'panda queue top --once', note: 'one look, for a pipe' },
    { line: 'panda queue top --every 200ms --once -o json', note: 'the same for a machine' },
  ],
  async run({ options, session }) {
    const everyMs = intervalOf(options.every ?? '2s')
    await withQueues(session, options.store, async (port) => {
      for await (const queues of watchRates(() => port.list(), everyMs)) {
        if (options.once) return showOnce(session, queues)
        const table = renderTable(queues, columns(session), { width: session.io.stdout.columns })
        await redraw(session, table)
      }
    })
  },
})

function showOnce(session: Session, queues: readonly RatedQueue[]): Promise<void> {
  const page = { items: queues, nextCursor: null }
  return showList(session, page, {
    columns: columns(session),
    name: ({ name }) => name,
    empty: 'There are no queues yet.',
  })
}

const rate = (head: string, of: (queue: RatedQueue) => number): Column<RatedQueue> => ({
  head,
  cell: (queue) => of(queue).toFixed(1),
  right: true,
})

function columns(session: Session): Column<RatedQueue>[] {
  const base: readonly Column<QueueView>[] = queueColumns(session)
  return [
    ...base,
    rate('ADDED/S', ({ rates }) => rates.added),
    rate('DONE/S', ({ rates }) => rates.succeeded),
    rate('FAILED/S', ({ rates }) => rates.failed),
  ]
}

function intervalOf(given: string): number {
  try {
    return Math.max(100, parseDuration(given))
  } catch (error) {
    throw usageError(`--every: ${error instanceof Error ? error.message : String(error)}`)
  }
}
