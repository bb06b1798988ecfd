import { defineCommand, text } from '../../command.ts'
import { plain } from '../../output/clean.ts'
import { show } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { JOB, QUEUE } from '../../queues/queue-argument.ts'

export const command = defineCommand({
  args: { queue: QUEUE, job: JOB },
  options: { reason: text('TEXT', 'Kept with the job'), store: STORE },
  details: [
    'A job that waits is cancelled at once. The handler of one that runs gets its signal aborted, wherever it runs.',
    STORE_DETAILS,
  ],
  examples: [
    { line: 'panda queue cancel uploads JOB', note: 'one job' },
    { line: 'panda queue cancel uploads JOB --reason "wrong file"', note: 'with a reason' },
  ],
  async run({ args, options, session }) {
    const job = await withQueues(session, options.store, (port) =>
      withNearQueues(port, args.queue, () => port.cancel(args.queue, args.job, options.reason)),
    )
    const done = job.state === 'cancelled' ? 'Cancelled' : 'Told the worker to stop'
    await show(session, job, { name: () => job.id, human: () => plain(`${done} job ${job.id} of ${args.queue}.`) })
  },
})
