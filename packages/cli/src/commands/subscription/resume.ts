import { defineCommand } from '../../command.ts'
import { SUBSCRIPTION } from '../../events/arguments.ts'
import { BROKER, BROKER_DETAILS, withEvents, withNear } from '../../events/open-port.ts'
import { show } from '../../output/show.ts'

export const command = defineCommand({
  args: { subscription: SUBSCRIPTION },
  options: { broker: BROKER },
  details: ['Its consumers go on at once.', ...BROKER_DETAILS],
  examples: [
    { line: 'panda subscription resume email-service', note: 'for all its consumers, wherever they run' },
    { line: 'panda subscription resume email-service --broker amqp://localhost:5672', note: 'without a server' },
  ],
  async run({ args, options, session }) {
    const found = await withEvents(session, options.broker, (port) =>
      withNear(port, args.subscription, () => port.pause(args.subscription, false)),
    )
    await show(session, found, {
      name: () => found.name,
      human: () => `Resumed subscription ${found.name}: ${found.waiting} events wait.`,
    })
  },
})
