import { defineCommand, integer, text } from '../../command.ts'
import { SUBSCRIPTION } from '../../events/arguments.ts'
import { changeAsked } from '../../events/change-letters.ts'
import { LETTER_FILTER } from '../../events/letter-options.ts'
import { BROKER, BROKER_DETAILS, withEvents } from '../../events/open-port.ts'

export const command = defineCommand({
  args: { subscription: SUBSCRIPTION, letters: { value: 'LETTER', text: 'Only these', many: true } },
  options: {
    ...LETTER_FILTER,
    limit: integer('N', 'At most so many, oldest first'),
    rate: text('RATE', 'At most so many, e.g. 50/s; default: as fast as the broker takes them'),
    broker: BROKER,
  },
  details: [
    'Delivers dead letters anew, with all their attempts, to this subscription alone. Without LETTER: all that fit.',
    ...BROKER_DETAILS,
  ],
  examples: [
    { line: 'panda deadletter redrive email-service LETTER', note: 'one' },
    {
      line: 'panda deadletter redrive email-service --reason attempts --rate 50/s --yes',
      note: 'all that fit, gently',
    },
  ],
  run({ args, options, session }) {
    const { type, reason, limit } = options
    return withEvents(session, options.broker, (port) =>
      changeAsked(session, port, 'redrive', { ...args, type, reason, limit, rate: options.rate }),
    )
  },
})
