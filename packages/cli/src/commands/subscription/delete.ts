import { defineCommand } from '../../command.ts'
import { SUBSCRIPTION } from '../../events/arguments.ts'
import { BROKER, BROKER_DETAILS, withEvents, withNear } from '../../events/open-port.ts'
import { show } from '../../output/show.ts'

export const command = defineCommand({
  args: { subscription: SUBSCRIPTION },
  options: { broker: BROKER },
  details: [
    'What waits in it and its dead letters go with it. A consumer that still runs makes it anew.',
    ...BROKER_DETAILS,
  ],
  examples: [
    { line: 'panda subscription delete email-service', note: 'asks first' },
    { line: 'panda subscription delete email-service --yes', note: 'does not ask, for scripts' },
  ],
  async run({ args, options, session }) {
    const name = args.subscription
    await withEvents(session, options.broker, async (port) => {
      const { waiting, dead } = await withNear(port, name, () => port.get(name))
      await session.confirm(`Delete ${name} with ${waiting} events that wait and ${dead} dead letters?`, name)
      await port.delete(name)
      await show(
        session,
        { name, waiting, dead },
        { name: () => name, human: () => `Deleted subscription ${name}: ${waiting} events, ${dead} dead letters.` },
      )
    })
  },
})
