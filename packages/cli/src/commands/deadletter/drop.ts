import { defineCommand, integer } from '../../command.ts'
import { SUBSCRIPTION } from '../../events/arguments.ts'
import { changeAsked } from '../../events/change-letters.ts'
import { LETTER_FILTER } from '../../events/letter-options.ts'
import { BROKER, BROKER_DETAILS, withEvents } from '../../events/open-port.ts'

export const command = defineCommand({
  args: { subscription: SUBSCRIPTION, letters: { value: 'LETTER', text: 'Only these', many: true } },
  options: {
    ...LETTER_FILTER,
    limit: integer('N', 'At most so many, oldest first'),
    broker: BROKER,
  },
  details: ['Throws dead letters away, for ever. Without LETTER: all that fit.', ...BROKER_DETAILS],
  examples: [
    { line: 'panda deadletter drop email-service LETTER', note: 'one; asks first' },
    { line: 'panda deadletter drop email-service --type user.signed_up --yes', note: 'all that fit, without asking' },
  ],
  run({ args, options, session }) {
    const { type, reason, limit } = options
    return withEvents(session, options.broker, (port) =>
      changeAsked(session, port, 'drop', { ...args, type, reason, limit, rate: undefined }),
    )
  },
})
