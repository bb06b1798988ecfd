import type { Cronjob } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import { CRONJOB_NAME } from './name-argument.ts'
import { cronjobFields, sayWarnings } from './view.ts'

export const command = defineCommand({
  args: { name: CRONJOB_NAME },
  options: {},
  examples: [
    { line: 'panda cronjob get weekly-digest', note: 'what it runs, when, and how it went' },
    { line: 'panda cronjob get weekly-digest -o yaml', note: 'every field' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = pathOf('cronjobs', args.name)
    const cronjob = await withNearNames(api, 'cronjobs', args.name, () => api.get<Cronjob>(path, api.project))
    await show(session, cronjob, { name: () => cronjob.name, human: () => cronjobFields(session, cronjob) })
    await sayWarnings(session, cronjob.warnings)
  },
})
