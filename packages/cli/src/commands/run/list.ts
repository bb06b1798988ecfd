import { RUN_STATES } from '@pandastack/contract/names'
import { choice, defineCommand, integer, text } from '../../command.ts'
import { listRuns } from '../../runs/list-runs.ts'

export const command = defineCommand({
  args: {},
  options: {
    cronjob: text('NAME', 'Only runs of this cronjob', { completes: 'cronjob' }),
    state: choice(RUN_STATES, 'Only runs in this state, e.g. failed', 'STATE'),
    since: text('TIME', 'Only runs due since, e.g. 24h or 2026-05-01T08:00:00Z'),
    limit: integer('N', 'Newest runs shown [20]'),
    cursor: text('CURSOR', 'Go on where a page ended (nextCursor of -o json)'),
  },
  examples: [
    { line: 'panda run list', note: 'the newest 20 of all cronjobs' },
    { line: 'panda run list --state failed --since 24h', note: 'what failed in the last day' },
  ],
  async run({ options, session }) {
    const api = await session.api()
    await listRuns(session, api, options, 'No runs that fit. Start one: panda cronjob run NAME')
  },
})
