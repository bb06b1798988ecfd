import { defineCommand } from '../../command.ts'
import { show } from '../../output/show.ts'
import { renderFields } from '../../output/table.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { QUEUE } from '../../queues/queue-argument.ts'

export const command = defineCommand({
  args: { queue: QUEUE },
  options: { store: STORE },
  details: ['Only the numbers, one per line, for scripts and monitoring; see also `panda queue top`.', STORE_DETAILS],
  examples: [
    { line: 'panda queue stats uploads', note: 'one number per line' },
    { line: 'panda queue stats uploads -o json', note: 'the same for jq' },
  ],
  async run({ args, options, session }) {
    const { name, counts, totals, oldestQueued, workers } = await withQueues(session, options.store, (port) =>
      withNearQueues(port, args.queue, () => port.get(args.queue)),
    )
    const stats = { name, counts, totals, oldestQueued, workers: workers.length }
    await show(session, stats, {
      name: () => name,
      human: () =>
        renderFields(
          [
            ...Object.entries(counts).map(([state, count]): [string, string] => [state, String(count)]),
            ...Object.entries(totals).map(([what, count]): [string, string] => [`total ${what}`, String(count)]),
            ['oldest queued', oldestQueued ?? '-'],
            ['workers', String(workers.length)],
          ],
          session.style.dim,
        ),
    })
  },
})
