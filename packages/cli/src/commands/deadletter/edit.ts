import { defineCommand } from '../../command.ts'
import { CliError } from '../../errors.ts'
import { EXIT } from '../../exit-codes.ts'
import { LETTER, SUBSCRIPTION } from '../../events/arguments.ts'
import { editedData } from '../../events/edit-data.ts'
import { BROKER, BROKER_DETAILS, withEvents, withNear } from '../../events/open-port.ts'
import { show } from '../../output/show.ts'

export const command = defineCommand({
  args: {
    subscription: SUBSCRIPTION,
    letter: LETTER,
    data: { value: 'JSON', text: 'The mended payload; - for standard input; without it, your EDITOR opens' },
  },
  options: { broker: BROKER },
  details: ['Delivers a dead letter anew with another payload, to this subscription alone.', ...BROKER_DETAILS],
  examples: [
    { line: `panda deadletter edit email-service LETTER '{"email":"a@example.com"}'`, note: 'with this payload' },
    { line: 'panda deadletter edit email-service LETTER - < mended.json', note: 'with the payload of a file' },
  ],
  async run({ args, options, session }) {
    const { subscription, letter: id } = args
    await withEvents(session, options.broker, async (port) => {
      const letter = await withNear(port, subscription, () => port.letter(subscription, id))
      const data = await editedData(session, letter, args.data)
      const { results } = await port.change(subscription, 'redrive', { ids: [id], data })
      if (results[0] !== 'done')
        throw new CliError(`dead letter ${id} is gone: somebody redrove or dropped it`, {
          code: 'letter_not_found',
          exitCode: EXIT.notFound,
        })
      await show(
        session,
        { id, subscription, data },
        { name: () => id, human: () => `Delivered ${id} to ${subscription} anew, with the mended payload.` },
      )
    })
  },
})
