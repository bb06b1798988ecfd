import { CONCURRENCY } from '@pandastack/contract/names'
import type { Run } from '@pandastack/contract'
import { choice, defineCommand, flag, list, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import { parseSpan } from '../../parse-time.ts'
import { awaitRun, verdictCode } from '../../runs/await-run.ts'
import { warnOfEngine } from '../../runs/warn-of-engine.ts'
import { verdict } from '../../runs/view.ts'
import { parsePairs, readEnvFiles } from '../../values.ts'
import { CRONJOB_NAME } from './name-argument.ts'
import { commandBody } from './spec-body.ts'

export const command = defineCommand({
  args: { name: CRONJOB_NAME },
  options: {
    wait: flag('Wait for the end; exit code 5 when it did not succeed'),
    follow: flag('Show the log live; waits as --wait does', { short: 'f' }),
    exitCode: flag("With --wait or --follow: exit with the container's code"),
    timeout: text('TIME', 'Wait no longer, exit code 6; the run goes on'),
    env: list('KEY=VALUE', 'Variable for this run'),
    envFile: list('FILE', 'Variables for this run, from a dotenv file'),
    entrypoint: text('WORDS', 'Entry point for this run: a JSON array or one word'),
    command: text('WORDS', 'Command for this run: a JSON array, or words after --'),
    concurrency: choice(CONCURRENCY, 'Policy for this run', 'POLICY'),
  },
  words: 'Command and arguments for this run',
  details: ['Ctrl-C ends the waiting, not the run.'],
  examples: [
    { line: 'panda cronjob run --name weekly-digest', note: 'starts it and returns at once' },
    { line: 'panda cronjob run weekly-digest --follow', note: 'shows the log, ends with the verdict' },
    {
      line: 'panda cronjob run cleanup --wait --exit-code -- sh -c "exit 0"',
      note: 'another command, its own exit code',
    },
  ],
  async run({ args, options, words, session }) {
    const waits = options.wait || options.follow
    if (!waits && (options.exitCode || options.timeout !== undefined)) {
      throw usageError(`${options.exitCode ? '--exit-code' : '--timeout'} needs --wait or --follow`)
    }
    const timeoutMs = options.timeout === undefined ? undefined : parseSpan(options.timeout, '--timeout')
    const env = { ...(await readEnvFiles(options.envFile)), ...parsePairs(options.env) }
    const body = {
      ...(Object.keys(env).length === 0 ? {} : { env }),
      ...commandBody(options, words),
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    }
    const api = await session.api()
    const path = `${pathOf('cronjobs', args.name)}/runs`
    const run = await withNearNames(api, 'cronjobs', args.name, () => api.post<Run>(path, body, api.project))
    await warnOfEngine(session, api)
    if (!waits) {
      await show(session, run, { name: () => run.id, human: () => `Started run ${run.id} of ${run.cronjob}.` })
      return session.hint(`Its log: panda run logs ${run.id} --follow`)
    }
    await session.hint(`Started run ${run.id} of ${run.cronjob}.`)
    const ended = await awaitRun(session, api, run, { follow: options.follow, timeoutMs })
    await show(session, ended, { name: () => ended.id, human: () => '' })
    await session.say(verdict(session, ended))
    return verdictCode(ended, options.exitCode)
  },
})
