import { defineCommand } from '../../command.ts'
import { SUBSCRIPTION } from '../../events/arguments.ts'
import { BROKER, BROKER_DETAILS, withEvents, withNear } from '../../events/open-port.ts'
import { show } from '../../output/show.ts'

export const command = defineCommand({
  args: { subscription: SUBSCRIPTION },
  options: { broker: BROKER },
  details: ['No consumer gets an event of it until it is resumed; events wait, nothing is lost.', ...BROKER_DETAILS],
  examples: [
    { line: 'panda subscription pause email-service', note: 'for all its consumers, wherever they run' },
    { line: 'panda subscription pause email-service --broker amqp://localhost:5672', note: 'without a server' },
  ],
  async run({ args, options, session }) {
    const found = await withEvents(session, options.broker, (port) =>
      withNear(port, args.subscription, () => port.pause(args.subscription, true)),
    )
    await show(session, found, {
      name: () => found.name,
      human: () => `Paused subscription ${found.name}: ${found.waiting} events wait.`,
    })
    await session.hint(`Go on with: panda subscription resume ${found.name}`)
  },
})
