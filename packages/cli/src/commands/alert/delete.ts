import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { ALERT_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: ALERT_NAME },
  options: {},
  formats: false,
  details: ['Messages that were not delivered yet go with it.'],
  examples: [
    { line: 'panda alert delete ops', note: 'asks first' },
    { line: 'panda alert delete ops --yes', note: 'does not ask, for scripts' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = pathOf('alerts', args.name)
    await withNearNames(api, 'alerts', args.name, () => api.get(path, api.project))
    await session.confirm(`Delete alert ${args.name}?`)
    await api.delete(path, api.project)
    await session.print(`Deleted alert ${args.name}.`)
  },
})
