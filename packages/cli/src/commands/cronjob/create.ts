import type { Cronjob } from '@pandastack/contract'
import { defineCommand, text } from '../../command.ts'
import { CliError } from '../../errors.ts'
import type { Client } from '../../http/client.ts'
import { show } from '../../output/show.ts'
import { renderFields } from '../../output/table.ts'
import type { Session } from '../../session.ts'
import { pathOf } from '../../near-names.ts'
import { putSecrets, readSecrets, type GivenSecret } from './secrets.ts'
import { SPEC_OPTIONS } from './spec-options.ts'
import { specBody, type SpecBody } from './spec-body.ts'
import { nextRun, pullSentence, sayWarnings } from './view.ts'

export const command = defineCommand({
  args: { name: { value: 'NAME', text: 'Name of the cronjob', required: true, asOption: true } },
  options: {
    image: text('IMAGE', 'Container image', { required: true }),
    schedule: text('CRON', 'Five fields, six with seconds, or @daily', { required: true }),
    ...SPEC_OPTIONS,
  },
  words: 'Command and arguments for the container',
  examples: [
    {
      line: 'panda cronjob create --name weekly-digest --image your-org/mailer:latest --schedule "0 8 * * 1"',
      note: 'every Monday at 8:00 UTC',
    },
    {
      line: 'panda cronjob create cleanup --image alpine:3 --schedule "@daily" --retries 2 -- sh -c "echo clean"',
      note: 'with a command and two retries',
    },
  ],
  async run({ args, options, words, session }) {
    const body = await specBody(options, words)
    const secrets = await readSecrets(session, options.secret)
    const api = await session.api()
    const spec = { name: args.name, image: options.image, schedule: options.schedule, ...body }
    const cronjob =
      secrets.length === 0
        ? await api.post<Cronjob>('/v1/cronjobs', spec, api.project)
        : await createWithSecrets(api, spec, secrets)
    await show(session, cronjob, { name: () => cronjob.name, human: () => created(session, cronjob) })
    await sayWarnings(session, cronjob.warnings)
    await session.hint(`Try: panda cronjob run --name ${cronjob.name} --follow`)
  },
})

/** Made suspended first, so that no tick can start it before its secrets are there. */
async function createWithSecrets(
  api: Client,
  spec: SpecBody & { name: string },
  secrets: readonly GivenSecret[],
): Promise<Cronjob> {
  const made = await api.post<Cronjob>('/v1/cronjobs', { ...spec, suspended: true }, api.project)
  try {
    await putSecrets(api, made, secrets)
    if (spec.suspended !== true) await api.post(`${pathOf('cronjobs', made.name)}/resume`, undefined, api.project)
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    const set = `panda secret set ${secrets.map(({ name }) => name).join(' ')} --cronjob ${made.name}`
    throw error.withHint(`The cronjob was made, but paused. Go on with: ${set}; panda cronjob resume ${made.name}`)
  }
  return api.get<Cronjob>(pathOf('cronjobs', made.name), api.project)
}

function created(session: Session, cronjob: Cronjob): string {
  const fields = renderFields(
    [
      ['  Schedule', `${cronjob.schedule} (${cronjob.scheduleWords})`],
      ['  Next run', nextRun(cronjob, session.io.now())],
      ['  Image', `${cronjob.image} (${pullSentence(cronjob)})`],
      ['  Secrets', cronjob.secrets.join(', ')],
    ],
    session.style.dim,
  )
  return `${session.style.green('Created')} cronjob ${session.style.bold(cronjob.name)}.\n${fields}`
}
