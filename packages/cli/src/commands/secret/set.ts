import type { Secret } from '@pandastack/contract'
import { defineCommand, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { segment } from '../../http/client.ts'
import { plain } from '../../output/clean.ts'
import { show } from '../../output/show.ts'
import { readSecret } from '../../values.ts'

export const command = defineCommand({
  args: { names: { value: 'NAME', text: 'Asked for; NAME=- reads stdin, NAME@FILE a file', many: true } },
  options: {
    cronjob: text('NAME', 'For this cronjob alone', { completes: 'cronjob' }),
    registry: text('HOST', 'Login of an image registry; the value is its password'),
    username: text('USER', 'With --registry'),
  },
  details: ['Stored encrypted, handed to runs as variables, hidden in their logs. It can never be read back.'],
  examples: [
    { line: 'panda secret set MAIL_API_KEY=- < key.txt', note: 'from standard input' },
    { line: 'panda secret set MAIL_API_KEY@key.txt --cronjob weekly-digest', note: 'from a file, for one cronjob' },
    { line: 'panda secret set --registry ghcr.io --username me PASSWORD@key.txt', note: 'for private images' },
  ],
  async run({ args, options, session }) {
    const { cronjob, registry, username } = options
    if ((registry === undefined) !== (username === undefined))
      throw usageError('--registry and --username belong together')
    if (registry !== undefined && (cronjob !== undefined || args.names.length > 1)) {
      throw usageError('--registry takes one password and is for the whole project')
    }
    const specs = registry !== undefined && args.names.length === 0 ? ['password'] : args.names
    if (specs.length === 0) throw usageError('panda secret set needs NAME', 'See `panda secret set --help`.')
    const given = []
    for (const spec of specs) given.push(await readSecret(session, spec))
    const api = await session.api()
    const items: Secret[] = []
    for (const { name, value } of given) {
      const body =
        registry === undefined
          ? { kind: 'env', cronjob: cronjob ?? null, value }
          : { kind: 'registry', username, value }
      items.push(await api.put<Secret>(`/v1/secrets/${segment(registry ?? name)}`, body, api.project))
    }
    const names = items.map(({ name }) => name).join(', ')
    const place = cronjob === undefined ? '' : ` for cronjob ${cronjob}`
    await show(
      session,
      { items, nextCursor: null },
      {
        name: () => items.map(({ name }) => name).join('\n'),
        human: () => `Set secret ${plain(names)}${place}. Runs that start from now on get it.`,
      },
    )
    for (const { name, warnings = [] } of items)
      for (const warning of warnings) await session.warn(plain(`${name}: ${warning}`))
  },
})
