import { defineCommand, flag, integer } from '../../command.ts'
import { settled } from '../../apps/await-app.ts'
import { changeApp } from '../../apps/change-app.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: {
    revision: integer('N', 'Which one [the last that was ready before]'),
    detach: flag('Return at once', { short: 'd' }),
  },
  details: ['Image digest, variables and command are exactly those of then. Secrets are those of now.'],
  examples: [
    { line: 'panda app rollback thumbnailer', note: 'to the revision that was ready before' },
    { line: 'panda app rollback thumbnailer --revision 3', note: 'to an older one' },
  ],
  async run({ args, options, session }) {
    const { name } = args
    const { detach, revision } = options
    await changeApp(session, await session.api(), {
      name,
      verb: 'rollbacks',
      body: revision === undefined ? {} : { revision },
      detach,
      done: 'Rolled back',
      reached: settled,
      tellsDrain: true,
    })
  },
})
