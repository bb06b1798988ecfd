import { defineCommand } from '../../command.ts'
import { BROKER, BROKER_DETAILS, withEvents } from '../../events/open-port.ts'
import { subscriptionColumns } from '../../events/view.ts'
import { showList } from '../../output/show.ts'

export const command = defineCommand({
  args: {},
  options: { broker: BROKER },
  details: [...BROKER_DETAILS],
  examples: [
    { line: 'panda subscription list', note: 'what waits and is dead in each' },
    { line: 'panda subscription list --broker amqp://localhost:5672', note: 'of a bare RabbitMQ' },
  ],
  async run({ options, session }) {
    const page = await withEvents(session, options.broker, (port) => port.list())
    await showList(session, page, {
      ...subscriptionColumns(session),
      name: ({ name }) => name,
      empty: 'There are no subscriptions yet: one exists from the first events.subscribe(…) on.',
    })
  },
})
