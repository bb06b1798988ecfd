import { JOB_STATES } from '@pandastack/contract/names'
import type { JobView } from '@pandastack/contract'
import { choice, defineCommand, integer, text } from '../../command.ts'
import { showList } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { QUEUE } from '../../queues/queue-argument.ts'
import { jobColumns } from '../../queues/view.ts'

const DEFAULT_LIMIT = 20
const PAGE = 1000

export const command = defineCommand({
  args: { queue: QUEUE },
  options: {
    state: choice(JOB_STATES, `Default queued; ${JOB_STATES.join(', ')}`, 'STATE'),
    dead: { kind: 'flag', text: 'The dead letters, as --state dead' },
    group: text('KEY', 'Only jobs of this group'),
    limit: integer('N', `At most so many, default ${DEFAULT_LIMIT}`),
    cursor: text('CURSOR', 'Go on where an earlier list ended (nextCursor of -o json)'),
    store: STORE,
  },
  details: ['Oldest first; queued ones in the order in which they will run.', STORE_DETAILS],
  examples: [
    { line: 'panda queue jobs uploads', note: 'what waits' },
    { line: 'panda queue jobs uploads --dead -o wide', note: 'the dead letters and why they died' },
  ],
  async run({ args, options, session }) {
    const state = options.dead ? 'dead' : (options.state ?? 'queued')
    const wanted = options.limit ?? DEFAULT_LIMIT
    const page = await withQueues(session, options.store, async (port) => {
      const items: JobView[] = []
      let cursor = options.cursor
      do {
        const query = { state, group: options.group, limit: Math.min(PAGE, wanted - items.length), cursor }
        const next = await withNearQueues(port, args.queue, () => port.jobs(args.queue, query))
        items.push(...next.items)
        cursor = next.nextCursor ?? undefined
      } while (cursor !== undefined && items.length < wanted)
      return { items, nextCursor: cursor ?? null }
    })
    await showList(session, page, {
      ...jobColumns(session),
      name: ({ id }) => id,
      empty: `No job of ${args.queue} is ${state}. Other states: --state ${JOB_STATES.join('|')}`,
    })
    if (page.nextCursor !== null) await session.hint(`There are more: --limit ${wanted * 5}`)
  },
})
