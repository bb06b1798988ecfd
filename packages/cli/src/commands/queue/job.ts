import { defineCommand, flag } from '../../command.ts'
import { show } from '../../output/show.ts'
import { plain } from '../../output/clean.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { JOB, QUEUE } from '../../queues/queue-argument.ts'
import { jobFields } from '../../queues/view.ts'

export const command = defineCommand({
  args: { queue: QUEUE, job: JOB },
  options: { logs: flag('Also show the log lines that its handler wrote'), store: STORE },
  details: [STORE_DETAILS],
  examples: [
    { line: 'panda queue job uploads JOB', note: 'its data, state, error and times' },
    { line: 'panda queue job uploads JOB --logs', note: 'with its log' },
  ],
  async run({ args, options, session }) {
    const [job, lines] = await withQueues(session, options.store, (port) =>
      withNearQueues(
        port,
        args.queue,
        async () =>
          [await port.job(args.queue, args.job), options.logs ? await port.logs(args.queue, args.job) : null] as const,
      ),
    )
    const value = lines === null ? job : { ...job, logs: lines }
    await show(session, value, {
      name: () => job.id,
      human: () => [jobFields(session, job), ...(lines ?? []).map(plain)].join('\n'),
    })
  },
})
