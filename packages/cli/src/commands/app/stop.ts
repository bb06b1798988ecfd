import { defineCommand, flag } from '../../command.ts'
import { stopped } from '../../apps/await-app.ts'
import { changeApp } from '../../apps/change-app.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: { detach: flag('Return at once', { short: 'd' }) },
  details: ['Its instances finish what they hold within the drain time. It keeps its number of replicas.'],
  examples: [
    { line: 'panda app stop thumbnailer', note: 'until it is started again' },
    { line: 'panda app stop thumbnailer --detach', note: 'does not wait' },
  ],
  async run({ args, options, session }) {
    const { name } = args
    const { detach } = options
    await changeApp(session, await session.api(), { name, verb: 'stop', detach, done: 'Stopped', reached: stopped })
  },
})
