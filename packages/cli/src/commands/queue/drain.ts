import { defineCommand } from '../../command.ts'
import { show } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { QUEUE } from '../../queues/queue-argument.ts'

export const command = defineCommand({
  args: { queue: QUEUE },
  options: { store: STORE },
  details: ['Cancels all jobs that wait: queued, scheduled and retrying ones. What runs goes on.', STORE_DETAILS],
  examples: [
    { line: 'panda queue drain uploads', note: 'asks first' },
    { line: 'panda queue drain uploads --yes', note: 'does not ask, for scripts' },
  ],
  async run({ args, options, session }) {
    await withQueues(session, options.store, async (port) => {
      const { counts } = await withNearQueues(port, args.queue, () => port.get(args.queue))
      const waiting = counts.queued + counts.scheduled + counts.retrying
      await session.confirm(`Cancel all ${waiting} jobs that wait in ${args.queue}?`)
      const answer = await port.drain(args.queue)
      await show(session, answer, {
        name: () => args.queue,
        human: () => `Cancelled ${answer.jobs} jobs of ${args.queue}.`,
      })
    })
  },
})
