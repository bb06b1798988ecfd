import { DEAD_REASONS } from '@pandastack/contract/names'
import { choice, defineCommand, integer } from '../../command.ts'
import { show } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withNearQueues, withQueues } from '../../queues/open-port.ts'
import { QUEUE } from '../../queues/queue-argument.ts'

export const command = defineCommand({
  args: { queue: QUEUE, jobs: { value: 'JOB', text: 'Only these', many: true } },
  options: {
    reason: choice(DEAD_REASONS, `Only those that died for it: ${DEAD_REASONS.join(', ')}`, 'REASON'),
    limit: integer('N', 'At most so many'),
    store: STORE,
  },
  details: ['Queues dead letters anew, with all their attempts.', STORE_DETAILS],
  examples: [
    { line: 'panda queue redrive uploads', note: 'all dead letters' },
    { line: 'panda queue redrive uploads --reason crashes --limit 10', note: 'some of them' },
  ],
  async run({ args, options, session }) {
    const { reason, limit } = options
    const ids = args.jobs.length === 0 ? undefined : [...args.jobs]
    const answer = await withQueues(session, options.store, (port) =>
      withNearQueues(port, args.queue, () => port.redrive(args.queue, { ids, reason, limit })),
    )
    await show(session, answer, {
      name: () => args.queue,
      human: () => `Queued ${answer.jobs} dead jobs of ${args.queue} anew.`,
    })
  },
})
