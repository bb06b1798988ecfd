import { defineCommand, flag } from '../../command.ts'
import { settled } from '../../apps/await-app.ts'
import { changeApp } from '../../apps/change-app.ts'
import { parseCount } from '../../values.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME, replicas: { value: 'N', text: 'Instances that shall run', required: true } },
  options: { detach: flag('Return at once', { short: 'd' }) },
  details: ['Instances that are not needed any more finish what they hold within the drain time.'],
  examples: [
    { line: 'panda app scale thumbnailer 3', note: 'three instances' },
    { line: 'panda app scale thumbnailer 0', note: 'none, until it is scaled up again' },
  ],
  async run({ args, options, session }) {
    const { name } = args
    const { detach } = options
    const replicas = parseCount(args.replicas, 'the number of instances')
    await changeApp(session, await session.api(), {
      name,
      verb: 'scale',
      body: { replicas },
      detach,
      done: 'Scaled',
      reached: settled,
    })
  },
})
