import type { Run } from '@pandastack/contract'
import { choice, defineCommand, flag, list, text } from '../../command.ts'
import { show } from '../../output/show.ts'
import { awaitRun, verdictCode } from '../../runs/await-run.ts'
import { findRun } from '../../runs/find-run.ts'
import { RUN } from '../../runs/run-argument.ts'
import { verdict } from '../../runs/view.ts'
import { parsePairs } from '../../values.ts'
import { commandBody } from '../cronjob/spec-body.ts'

export const command = defineCommand({
  args: { run: RUN },
  options: {
    as: choice(['it-was', 'now'], 'it-was: image, command and env of then; now: the cronjob as it is [it-was]'),
    env: list('KEY=VALUE', 'Variable for this run'),
    entrypoint: text('WORDS', 'Entry point for this run: a JSON array or one word'),
    command: text('WORDS', 'Command for this run: a JSON array, or words after --'),
    wait: flag('Wait for the end; exit code 5 when it did not succeed'),
    follow: flag('Show the log live; waits as --wait does', { short: 'f' }),
  },
  words: 'Command and arguments for this run',
  examples: [
    { line: 'panda run replay RUN', note: 'once more, just as it was' },
    { line: 'panda run replay weekly-digest --as now --follow', note: 'the newest run, as the cronjob is now' },
  ],
  async run({ args, options, words, session }) {
    const env = parsePairs(options.env)
    const body = {
      ...(options.as === undefined ? {} : { as: options.as }),
      ...(Object.keys(env).length === 0 ? {} : { env }),
      ...commandBody(options, words),
    }
    const api = await session.api()
    const id = await findRun(api, args.run)
    const run = await api.post<Run>(`/v1/runs/${id}/replay`, body, api.project)
    if (!options.wait && !options.follow) {
      await show(session, run, { name: () => run.id, human: () => `Started run ${run.id} of ${run.cronjob}.` })
      return session.hint(`Its log: panda run logs ${run.id} --follow`)
    }
    await session.hint(`Started run ${run.id} of ${run.cronjob}.`)
    const ended = await awaitRun(session, api, run, { follow: options.follow, timeoutMs: undefined })
    await show(session, ended, { name: () => ended.id, human: () => '' })
    await session.say(verdict(session, ended))
    return verdictCode(ended, false)
  },
})
