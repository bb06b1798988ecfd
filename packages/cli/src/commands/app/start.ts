import { defineCommand, flag } from '../../command.ts'
import { settled } from '../../apps/await-app.ts'
import { changeApp } from '../../apps/change-app.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: { detach: flag('Return at once', { short: 'd' }) },
  details: ['With the revision and the number of replicas that it had.'],
  examples: [
    { line: 'panda app start thumbnailer', note: 'waits until it is ready' },
    { line: 'panda app start thumbnailer --detach', note: 'does not wait' },
  ],
  async run({ args, options, session }) {
    const { name } = args
    const { detach } = options
    await changeApp(session, await session.api(), { name, verb: 'start', detach, done: 'Started', reached: settled })
  },
})
