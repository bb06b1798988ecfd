import { defineCommand } from '../../command.ts'
import { show } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { QUEUE } from '../../queues/queue-argument.ts'

export const command = defineCommand({
  args: { queue: QUEUE },
  options: { store: STORE },
  details: ['No worker starts a job of it until it is resumed; what runs goes on.', STORE_DETAILS],
  examples: [
    { line: 'panda queue pause uploads', note: 'for all its workers, wherever they run' },
    { line: 'panda queue pause uploads --store redis://localhost:6379', note: 'without a server' },
  ],
  async run({ args, options, session }) {
    const queue = await withQueues(session, options.store, (port) =>
      withNearQueues(port, args.queue, () => port.pause(args.queue, true)),
    )
    await show(session, queue, {
      name: () => queue.name,
      human: () => `Paused queue ${queue.name}: ${queue.counts.queued} jobs wait.`,
    })
    await session.hint(`Go on with: panda queue resume ${queue.name}`)
  },
})
