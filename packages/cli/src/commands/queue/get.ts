import { defineCommand } from '../../command.ts'
import { show } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { QUEUE } from '../../queues/queue-argument.ts'
import { queueFields } from '../../queues/view.ts'

export const command = defineCommand({
  args: { queue: QUEUE },
  options: { store: STORE },
  details: [STORE_DETAILS],
  examples: [
    { line: 'panda queue get uploads', note: 'counts, limits, and the workers that are alive' },
    { line: 'panda queue get uploads -o yaml', note: 'every field' },
  ],
  async run({ args, options, session }) {
    const queue = await withQueues(session, options.store, (port) =>
      withNearQueues(port, args.queue, () => port.get(args.queue)),
    )
    await show(session, queue, { name: () => queue.name, human: () => queueFields(session, queue) })
  },
})
