import { defineCommand, text } from '../../command.ts'
import { EXIT } from '../../exit-codes.ts'
import { BROKER, BROKER_DETAILS, withEvents, withNear } from '../../events/open-port.ts'
import { lagColumns } from '../../events/view.ts'
import { showList } from '../../output/show.ts'
import { parseSpan } from '../../parse-time.ts'

export const command = defineCommand({
  args: { subscription: { value: 'SUBSCRIPTION', text: 'Only this one' } },
  options: {
    above: text('DURATION', 'Exit code 1 when an event has waited for longer, e.g. 5m'),
    broker: BROKER,
  },
  details: ['How far behind consumers are: events that wait, and for how long the oldest has.', ...BROKER_DETAILS],
  examples: [
    { line: 'panda subscription lag', note: 'of all subscriptions' },
    { line: 'panda subscription lag email-service --above 24h', note: 'for a monitor' },
  ],
  async run({ args, options, session }) {
    const { subscription } = args
    const most = options.above === undefined ? null : parseSpan(options.above, '--above')
    const page = await withEvents(session, options.broker, async (port) =>
      subscription === undefined
        ? port.list()
        : { items: [await withNear(port, subscription, () => port.get(subscription))], nextCursor: null },
    )
    await showList(session, page, {
      columns: [{ head: 'SUBSCRIPTION', cell: ({ name }) => name }, ...lagColumns(session)],
      name: ({ name }) => name,
      empty: 'There are no subscriptions yet.',
    })
    if (most === null) return EXIT.ok
    const late = page.items.some(({ oldest }) => oldest !== null && parseSpan(oldest, 'oldest') > most)
    return late ? EXIT.failed : EXIT.ok
  },
})
