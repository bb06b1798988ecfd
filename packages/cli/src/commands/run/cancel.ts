import type { Run } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { show } from '../../output/show.ts'
import { findRun } from '../../runs/find-run.ts'
import { RUN } from '../../runs/run-argument.ts'

export const command = defineCommand({
  args: { run: RUN },
  options: {},
  details: ['The container gets SIGTERM, and SIGKILL after the grace time of its cronjob.'],
  examples: [
    { line: 'panda run cancel RUN', note: 'stops one run' },
    { line: 'panda run cancel weekly-digest', note: 'stops the newest run of a cronjob' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const id = await findRun(api, args.run)
    const run = await api.post<Run>(`/v1/runs/${id}/cancel`, undefined, api.project)
    const done = run.state === 'cancelled' ? 'Cancelled' : 'Stopping'
    await show(session, run, { name: () => run.id, human: () => `${done} run ${run.id} of ${run.cronjob}.` })
  },
})
