import type { AddJob } from '@pandastack/contract'
import { defineCommand, integer, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { plain } from '../../output/clean.ts'
import { show } from '../../output/show.ts'
import { STORE, STORE_DETAILS, withQueues } from '../../queues/open-port.ts'
import { parseData } from '../../queues/parse-data.ts'
import { QUEUE } from '../../queues/queue-argument.ts'

export const command = defineCommand({
  args: { queue: QUEUE, data: { value: 'JSON', text: 'Data of the job, default {}' } },
  options: {
    delay: text('DURATION', 'Wait before it may run, e.g. 5m'),
    priority: text('N', '-100 to 100, higher first (default 0)'),
    attempts: integer('N', 'Attempts in all (default 3)'),
    timeout: text('DURATION', 'Longest time of one attempt'),
    group: text('KEY', 'Jobs of one group run one after the other'),
    key: text('KEY', 'Idempotency key: an add with the same key within 24 h adds nothing'),
    store: STORE,
  },
  details: ['Makes the queue when there is none of that name.', STORE_DETAILS],
  examples: [
    { line: `panda queue add uploads '{"fileId":7}'`, note: 'at once' },
    { line: `panda queue add uploads '{"fileId":8}' --delay 5m --key file-8`, note: 'later, and only once' },
  ],
  async run({ args, options, session }) {
    const { delay, attempts, timeout, group, key } = options
    const job: AddJob = {
      data: args.data === undefined ? {} : parseData(args.data),
      delay,
      attempts,
      timeout,
      group,
      idempotencyKey: key,
      priority: options.priority === undefined ? undefined : priorityOf(options.priority),
    }
    const added = await withQueues(session, options.store, (port) => port.add(args.queue, job))
    await show(session, added, {
      name: () => added.id,
      human: () =>
        plain(
          added.deduplicated
            ? `Job ${added.id} of ${added.queue} stands for it already: nothing was added.`
            : `Added job ${added.id} to ${added.queue}.`,
        ),
    })
    await session.hint(plain(`See what becomes of it: panda queue job ${added.queue} ${added.id}`))
  },
})

function priorityOf(given: string): number {
  const priority = Number(given)
  if (Number.isInteger(priority) && priority >= -100 && priority <= 100) return priority
  throw usageError(`--priority: "${given}" is not a whole number from -100 to 100`)
}
