import type { Alert } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import { renderFields } from '../../output/table.ts'
import { subjectWords } from './subject-words.ts'
import { ALERT_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: ALERT_NAME },
  options: {},
  examples: [
    { line: 'panda alert get ops', note: 'what it tells and where' },
    { line: 'panda alert get ops -o yaml', note: 'every field' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = pathOf('alerts', args.name)
    const alert = await withNearNames(api, 'alerts', args.name, () => api.get<Alert>(path, api.project))
    await show(session, alert, {
      name: () => alert.name,
      human: () =>
        renderFields(
          [
            ['Name', alert.name],
            ['Project', alert.project],
            ['On', alert.on.join(', ')],
            ['For', subjectWords(alert)],
            ['To', `${alert.channel.kind} ${alert.channel.target}`],
            ['Late after', alert.on.includes('late') ? alert.lateAfter : null],
            ['Grouped for', alert.groupFor],
          ],
          session.style.dim,
        ),
    })
  },
})
