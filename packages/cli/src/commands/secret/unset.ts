import { defineCommand, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { segment } from '../../http/client.ts'

export const command = defineCommand({
  args: { names: { value: 'NAME', text: 'Secrets', many: true } },
  options: {
    cronjob: text('NAME', 'Of this cronjob alone', { completes: 'cronjob' }),
    registry: text('HOST', 'Login of an image registry'),
  },
  formats: false,
  examples: [
    { line: 'panda secret unset MAIL_API_KEY --yes', note: 'of the project, without asking' },
    { line: 'panda secret unset MAIL_API_KEY --cronjob weekly-digest', note: 'of one cronjob' },
  ],
  async run({ args, options, session }) {
    const { registry, cronjob } = options
    if ((registry === undefined) === (args.names.length === 0)) {
      throw usageError('panda secret unset needs NAME, or --registry HOST')
    }
    const names = registry === undefined ? args.names : [registry]
    const api = await session.api()
    await session.confirm(`Unset ${names.join(', ')}? The value cannot be brought back`)
    const kind = registry === undefined ? 'env' : 'registry'
    for (const name of names) await api.delete(`/v1/secrets/${segment(name)}`, { ...api.project, kind, cronjob })
    await session.print(`Unset ${names.join(', ')}.`)
  },
})
