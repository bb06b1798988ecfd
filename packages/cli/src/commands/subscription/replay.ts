import { defineCommand, text } from '../../command.ts'
import { SUBSCRIPTION } from '../../events/arguments.ts'
import { BROKER, BROKER_DETAILS, withEvents, withNear } from '../../events/open-port.ts'
import { parseFrom } from '../../events/parse-from.ts'
import { show } from '../../output/show.ts'

export const command = defineCommand({
  args: { subscription: SUBSCRIPTION },
  options: {
    from: text('WHERE', 'How long ago (2h), RFC 3339, or an offset', { required: true }),
    broker: BROKER,
  },
  details: [
    'Delivers what the event log has since then once more, to this subscription alone. The log is bounded',
    '(7 days and 1 GiB unless the broker was set up otherwise); handlers see the same event ids again.',
    ...BROKER_DETAILS,
  ],
  examples: [
    { line: 'panda subscription replay email-service --from 2h', note: 'the last two hours' },
    { line: 'panda subscription replay email-service --from 2026-05-01T08:00:00Z', note: 'since a time' },
  ],
  async run({ args, options, session }) {
    const name = args.subscription
    const from = parseFrom(options.from, session.io.now())
    const answer = await withEvents(session, options.broker, async (port) => {
      await withNear(port, name, () => port.get(name))
      await session.confirm(`Deliver the events since ${from} to ${name} once more?`)
      return port.replay(name, from)
    })
    await show(session, answer, {
      name: () => name,
      human: () => `Delivered ${answer.events} events to ${name} once more.`,
    })
  },
})
