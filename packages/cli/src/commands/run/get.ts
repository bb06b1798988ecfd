import type { RunDetail } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { show } from '../../output/show.ts'
import { findRun } from '../../runs/find-run.ts'
import { RUN } from '../../runs/run-argument.ts'
import { runFields } from '../../runs/view.ts'

export const command = defineCommand({
  args: { run: RUN },
  options: {},
  examples: [
    { line: 'panda run get RUN', note: 'when it was due, how it ended and why, its attempts' },
    { line: 'panda run get weekly-digest -o json', note: 'the newest run of a cronjob, every field' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const id = await findRun(api, args.run)
    const run = await api.get<RunDetail>(`/v1/runs/${id}`, api.project)
    await show(session, run, { name: () => run.id, human: () => runFields(session, run) })
  },
})
