import type { AppDetail, InstanceUsage, Usage } from '@pandastack/contract'
import { unknownWords } from '../../apps/usage-view.ts'
import { appFields } from '../../apps/view.ts'
import { defineCommand } from '../../command.ts'
import { CliError } from '../../errors.ts'
import type { Client } from '../../http/client.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import type { Session } from '../../session.ts'
import { APP_NAME } from './name-argument.ts'

/** Long enough for a figure, short enough not to be noticed; `panda app stats` watches longer. */
const WINDOW = '250ms'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: {},
  details: [
    'Instances that ended are shown below the others, with how they ended. CPU is in percent of one core.',
    'With -o json or yaml memory and CPU are not measured: see panda app stats.',
  ],
  examples: [
    { line: 'panda app get thumbnailer', note: 'its revision and its instances' },
    { line: 'panda app get thumbnailer -o yaml', note: 'every field' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = pathOf('apps', args.name)
    const app = await withNearNames(api, 'apps', args.name, () => api.get<AppDetail>(path, api.project))
    const { format } = session.globals
    const usage = format === 'table' || format === 'wide' ? await measure(session, api, app) : []
    await show(session, app, { name: () => app.name, human: () => appFields(session, app, usage) })
    for (const line of unknownWords(usage)) await session.hint(line)
  },
})

/** The app is shown all the same when this goes wrong. */
async function measure(session: Session, api: Client, { name, instances }: AppDetail): Promise<InstanceUsage[]> {
  if (!instances.some(({ state }) => state === 'running')) return []
  try {
    return (await api.get<Usage>(`${pathOf('apps', name)}/usage`, { ...api.project, window: WINDOW })).items
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    await session.warn(`memory and CPU are not known: ${error.message}`)
    return []
  }
}
