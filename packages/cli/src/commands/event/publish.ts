import { defineCommand, text } from '../../command.ts'
import { TYPE } from '../../events/arguments.ts'
import { BROKER, BROKER_DETAILS, withEvents } from '../../events/open-port.ts'
import { readAll } from '../../io.ts'
import { show } from '../../output/show.ts'
import { parseData } from '../../queues/parse-data.ts'

export const command = defineCommand({
  args: { type: TYPE, data: { value: 'JSON', text: 'Payload, default {}; - for standard input' } },
  options: {
    key: text('KEY', 'Events of one key keep their order where a subscription asks for it'),
    source: text('NAME', 'Who publishes (default panda)'),
    broker: BROKER,
  },
  details: ['Answers when the broker has it for every subscription that matches.', ...BROKER_DETAILS],
  examples: [
    { line: `panda event publish user.signed_up '{"userId":7,"email":"a@example.com"}'`, note: 'to all who listen' },
    { line: `panda event publish order.placed '{"id":1}' --key order-1 --source shop`, note: 'in order with its key' },
  ],
  async run({ args, options, session }) {
    const json = args.data === '-' ? await readAll(session.io.stdin) : args.data
    const { key, source } = options
    const event = { type: args.type, data: json === undefined ? {} : parseData(json), key, source }
    const published = await withEvents(session, options.broker, (port) => port.publish(event))
    await show(session, published, {
      name: () => published.id,
      human: () => `Published ${published.type} ${published.id}.`,
    })
  },
})
