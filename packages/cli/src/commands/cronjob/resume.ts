import type { Cronjob } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import { CRONJOB_NAME } from './name-argument.ts'
import { nextRun } from './view.ts'

export const command = defineCommand({
  args: { name: CRONJOB_NAME },
  options: {},
  examples: [
    { line: 'panda cronjob resume weekly-digest', note: 'runs by its schedule again' },
    { line: 'panda cronjob resume --name weekly-digest', note: 'the same' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = `${pathOf('cronjobs', args.name)}/resume`
    const cronjob = await withNearNames(api, 'cronjobs', args.name, () =>
      api.post<Cronjob>(path, undefined, api.project),
    )
    await show(session, cronjob, {
      name: () => cronjob.name,
      human: () => `Resumed cronjob ${cronjob.name}. Next run: ${nextRun(cronjob, session.io.now())}.`,
    })
  },
})
