import { defineCommand, text } from '../../command.ts'
import { plain } from '../../output/clean.ts'
import { show } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { parseData } from '../../queues/parse-data.ts'
import { JOB, QUEUE } from '../../queues/queue-argument.ts'

export const command = defineCommand({
  args: { queue: QUEUE, job: JOB },
  options: { data: text('JSON', 'Run it with other data'), store: STORE },
  details: [
    'An ended job is queued anew, with all its attempts. Many dead ones at once: panda queue redrive.',
    STORE_DETAILS,
  ],
  examples: [
    { line: 'panda queue retry uploads JOB', note: 'once more, as it was' },
    { line: `panda queue retry uploads JOB --data '{"fileId":7}'`, note: 'with mended data' },
  ],
  async run({ args, options, session }) {
    const data = options.data === undefined ? undefined : parseData(options.data)
    const job = await withQueues(session, options.store, (port) =>
      withNearQueues(port, args.queue, () => port.retry(args.queue, args.job, data)),
    )
    await show(session, job, { name: () => job.id, human: () => plain(`Queued job ${job.id} of ${args.queue} anew.`) })
  },
})
