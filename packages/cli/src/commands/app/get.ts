import type { AppDetail } from '@pandastack/contract'
import { appFields } from '../../apps/view.ts'
import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: {},
  details: ['Instances that ended are shown below the others, with how they ended.'],
  examples: [
    { line: 'panda app get thumbnailer', note: 'its revision and its instances' },
    { line: 'panda app get thumbnailer -o yaml', note: 'every field' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = pathOf('apps', args.name)
    const app = await withNearNames(api, 'apps', args.name, () => api.get<AppDetail>(path, api.project))
    await show(session, app, { name: () => app.name, human: () => appFields(session, app) })
  },
})
