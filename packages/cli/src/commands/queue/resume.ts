import { defineCommand } from '../../command.ts'
import { show } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { QUEUE } from '../../queues/queue-argument.ts'

export const command = defineCommand({
  args: { queue: QUEUE },
  options: { store: STORE },
  details: ['Its workers go on at once.', STORE_DETAILS],
  examples: [
    { line: 'panda queue resume uploads', note: 'for all its workers, wherever they run' },
    { line: 'panda queue resume uploads --store redis://localhost:6379', note: 'without a server' },
  ],
  async run({ args, options, session }) {
    const queue = await withQueues(session, options.store, (port) =>
      withNearQueues(port, args.queue, () => port.pause(args.queue, false)),
    )
    await show(session, queue, {
      name: () => queue.name,
      human: () => `Resumed queue ${queue.name}: ${queue.counts.queued} jobs wait.`,
    })
  },
})
