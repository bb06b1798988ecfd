import { RUN_STATES } from '@pandastack/contract/names'
import { choice, defineCommand, integer, text } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { listRuns } from '../../runs/list-runs.ts'
import { CRONJOB_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: CRONJOB_NAME },
  options: {
    state: choice(RUN_STATES, 'Only runs in this state, e.g. failed', 'STATE'),
    since: text('TIME', 'Only runs due since, e.g. 24h or 2026-05-01T08:00:00Z'),
    limit: integer('N', 'Newest runs shown [20]'),
  },
  details: ['Every tick has its row: ran, late, skipped or missed, and why.'],
  examples: [
    { line: 'panda cronjob runs weekly-digest', note: 'the newest 20' },
    { line: 'panda cronjob runs weekly-digest --state failed --since 7d', note: 'failures of a week' },
  ],
  async run({ args, options, session }) {
    const api = await session.api()
    const empty = `No runs of ${args.name} that fit. Start one: panda cronjob run ${args.name}`
    const path = pathOf('cronjobs', args.name)
    // An unknown name would only give an empty list: ask for the cronjob, so that it is an error with a suggestion.
    await withNearNames(api, 'cronjobs', args.name, () => api.get(path, api.project))
    await listRuns(session, api, { ...options, cronjob: args.name }, empty)
  },
})
