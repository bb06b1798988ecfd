import type { Cronjob } from '@pandastack/contract'
import { defineCommand, list, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import { describeChanges } from './changes.ts'
import { CRONJOB_NAME } from './name-argument.ts'
import { putSecrets, readSecrets } from './secrets.ts'
import { SPEC_OPTIONS } from './spec-options.ts'
import { specBody, type SpecBody } from './spec-body.ts'
import { nextRun, sayWarnings } from './view.ts'

export const command = defineCommand({
  args: { name: CRONJOB_NAME },
  options: {
    image: text('IMAGE', 'Container image'),
    schedule: text('CRON', 'Five fields, six with seconds, or @daily'),
    unsetEnv: list('NAME', 'Remove a variable'),
    ...SPEC_OPTIONS,
  },
  words: 'Command and arguments for the container',
  details: ['Only what is named changes. A run that is active keeps what it was started with.'],
  examples: [
    { line: 'panda cronjob update weekly-digest --schedule "30 8 * * 1"', note: 'only the schedule changes' },
    { line: 'panda cronjob update weekly-digest --env LANG=de --unset-env DEBUG', note: 'one variable set, one gone' },
  ],
  async run({ args, options, words, session }) {
    const asked: SpecBody = {
      ...(options.image === undefined ? {} : { image: options.image }),
      ...(options.schedule === undefined ? {} : { schedule: options.schedule }),
      ...(await specBody(options, words)),
    }
    const secrets = await readSecrets(session, options.secret)
    if (Object.keys(asked).length === 0 && secrets.length === 0 && options.unsetEnv.length === 0) {
      throw usageError('nothing is named that should change', 'See `panda cronjob update --help`.')
    }
    const api = await session.api()
    const path = pathOf('cronjobs', args.name)
    const before = await withNearNames(api, 'cronjobs', args.name, () => api.get<Cronjob>(path, api.project))
    await putSecrets(api, before, secrets)
    const body = merge(before, asked, options.unsetEnv)
    const after = await api.patch<Cronjob>(path, body, api.project)
    const changes = [...describeChanges(before, after), ...secrets.map(({ name }) => `secret ${name}: set`)]
    await show(session, after, {
      name: () => after.name,
      human: () =>
        changes.length === 0
          ? `Cronjob ${after.name} already was as asked.`
          : [
              `${session.style.green('Updated')} cronjob ${session.style.bold(after.name)}.`,
              ...changes.map((change) => `  ${change}`),
              `  ${session.style.dim('next run:')} ${nextRun(after, session.io.now())}`,
            ].join('\n'),
    })
    await sayWarnings(session, after.warnings)
  },
})

/** The API replaces `env` and `retry` as wholes; what was not named is taken over from what is there. */
function merge(before: Cronjob, asked: SpecBody, unset: readonly string[]): SpecBody {
  const merged: SpecBody = { ...asked }
  if (asked.env !== undefined || unset.length > 0) {
    const gone = new Set(unset)
    const kept = Object.entries({ ...before.env, ...asked.env }).filter(([name]) => !gone.has(name))
    merged.env = Object.fromEntries(kept)
  }
  if (asked.retry !== undefined) {
    const backoff = asked.retry.backoff === undefined ? before.retry.backoff : asked.retry.backoff
    merged.retry = { ...before.retry, ...asked.retry, backoff }
  }
  return merged
}
