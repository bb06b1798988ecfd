import type { Cronjob } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import { CRONJOB_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: CRONJOB_NAME },
  options: {},
  details: ['Its ticks are recorded as skipped while it is paused. A run that is active goes on.'],
  examples: [
    { line: 'panda cronjob pause weekly-digest', note: 'no further runs by schedule' },
    { line: 'panda cronjob pause --name weekly-digest', note: 'the same' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = `${pathOf('cronjobs', args.name)}/pause`
    const cronjob = await withNearNames(api, 'cronjobs', args.name, () =>
      api.post<Cronjob>(path, undefined, api.project),
    )
    await show(session, cronjob, {
      name: () => cronjob.name,
      human: () => `Paused cronjob ${cronjob.name}. Ticks are recorded as skipped.`,
    })
    await session.hint(`Go on with: panda cronjob resume ${cronjob.name}`)
  },
})
