import { defineCommand, flag } from '../../command.ts'
import { settled } from '../../apps/await-app.ts'
import { changeApp } from '../../apps/change-app.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: { detach: flag('Return at once', { short: 'd' }) },
  details: ['New instances take the place of the old ones, as in a deploy of the same revision.'],
  examples: [
    { line: 'panda app restart thumbnailer', note: 'with the variables that the project has now' },
    { line: 'panda app restart thumbnailer --detach', note: 'does not wait' },
  ],
  async run({ args, options, session }) {
    const { name } = args
    const { detach } = options
    await changeApp(session, await session.api(), {
      name,
      verb: 'restart',
      detach,
      done: 'Restarted',
      reached: settled,
      tellsDrain: true,
    })
  },
})
