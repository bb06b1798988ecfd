import { defineCommand, text } from '../../command.ts'
import { BROKER, BROKER_DETAILS, withEvents } from '../../events/open-port.ts'
import { parseFrom } from '../../events/parse-from.ts'
import { typeColumns } from '../../events/view.ts'
import { showList } from '../../output/show.ts'

const DEFAULT_BACK = '24h'

export const command = defineCommand({
  args: {},
  options: {
    from: text('WHERE', 'How far back the log is read: 24h (default), RFC 3339, or an offset'),
    broker: BROKER,
  },
  details: [
    'The types that the event log and the subscriptions tell of. KEPT: published while nobody was subscribed;',
    'they are delivered when a subscription appears.',
    ...BROKER_DETAILS,
  ],
  examples: [
    { line: 'panda event types', note: 'who listens to what' },
    { line: 'panda event types --from 7d -o wide', note: 'with versions and sources' },
  ],
  async run({ options, session }) {
    const from = parseFrom(options.from ?? DEFAULT_BACK, session.io.now())
    const page = await withEvents(session, options.broker, (port) => port.types(from))
    await showList(session, page, {
      ...typeColumns(session),
      name: ({ type }) => type,
      empty: 'No event is known yet. Try: panda event publish --help',
    })
  },
})
