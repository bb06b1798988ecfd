import { defineCommand } from '../../command.ts'
import { SUBSCRIPTION } from '../../events/arguments.ts'
import { BROKER, BROKER_DETAILS, withEvents, withNear } from '../../events/open-port.ts'
import { subscriptionFields } from '../../events/view.ts'
import { show } from '../../output/show.ts'

export const command = defineCommand({
  args: { subscription: SUBSCRIPTION },
  options: { broker: BROKER },
  details: [...BROKER_DETAILS],
  examples: [
    { line: 'panda subscription get email-service', note: 'patterns, what waits, consumers' },
    { line: 'panda subscription get email-service -o yaml', note: 'every field' },
  ],
  async run({ args, options, session }) {
    const found = await withEvents(session, options.broker, (port) =>
      withNear(port, args.subscription, () => port.get(args.subscription)),
    )
    await show(session, found, { name: () => found.name, human: () => subscriptionFields(session, found) })
  },
})
