import { defineCommand } from '../../command.ts'
import { LETTER, SUBSCRIPTION } from '../../events/arguments.ts'
import { letterFields } from '../../events/letter-view.ts'
import { BROKER, BROKER_DETAILS, withEvents, withNear } from '../../events/open-port.ts'
import { show } from '../../output/show.ts'

export const command = defineCommand({
  args: { subscription: SUBSCRIPTION, letter: LETTER },
  options: { broker: BROKER },
  details: [...BROKER_DETAILS],
  examples: [
    { line: 'panda deadletter show email-service LETTER', note: 'its event, error, attempts and times' },
    { line: 'panda deadletter show email-service LETTER -o json', note: 'with the whole stack' },
  ],
  async run({ args, options, session }) {
    const letter = await withEvents(session, options.broker, (port) =>
      withNear(port, args.subscription, () => port.letter(args.subscription, args.letter)),
    )
    await show(session, letter, { name: () => letter.id, human: () => letterFields(session, letter) })
  },
})
