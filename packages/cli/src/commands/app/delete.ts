import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: {},
  details: ['Its instances finish what they hold within the drain time.'],
  formats: false,
  examples: [
    { line: 'panda app delete thumbnailer', note: 'asks first' },
    { line: 'panda app delete thumbnailer --yes', note: 'does not ask, for scripts' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = pathOf('apps', args.name)
    await withNearNames(api, 'apps', args.name, () => api.get(path, api.project))
    await session.confirm(`Delete app ${args.name} and stop its instances?`)
    await api.delete(path, api.project)
    await session.print(`Deleted app ${args.name}.`)
  },
})
