import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { CRONJOB_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: CRONJOB_NAME },
  options: {},
  details: [
    'Active runs are cancelled; its own secrets and alerts go with it.',
    'Its ended runs and their logs can be read by their ids for 30 days more.',
  ],
  formats: false,
  examples: [
    { line: 'panda cronjob delete weekly-digest', note: 'asks first' },
    { line: 'panda cronjob delete weekly-digest --yes', note: 'does not ask, for scripts' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = pathOf('cronjobs', args.name)
    await withNearNames(api, 'cronjobs', args.name, () => api.get(path, api.project))
    await session.confirm(`Delete cronjob ${args.name} with its own alerts and secrets, and stop its active runs?`)
    await api.delete(path, api.project)
    await session.print(`Deleted cronjob ${args.name}.`)
  },
})
