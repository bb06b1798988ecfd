import type { Token } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { CliError } from '../../errors.ts'
import { EXIT } from '../../exit-codes.ts'
import { plain } from '../../output/clean.ts'
import { segment } from '../../http/client.ts'

export const command = defineCommand({
  args: { token: { value: 'TOKEN', text: 'Id or name of the token', required: true } },
  options: {},
  formats: false,
  examples: [
    { line: 'panda token revoke ci --yes', note: 'by its name, without asking' },
    { line: 'panda token revoke dashboard', note: 'asks first' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const { items } = await api.all<Token>('/v1/tokens')
    const found = items.filter(({ id, name }) => id === args.token || name === args.token)
    const [token] = found
    if (token === undefined || found.length > 1) {
      throw new CliError(
        token === undefined ? `there is no token "${args.token}"` : `${found.length} tokens are called "${args.token}"`,
        {
          code: token === undefined ? 'not_found' : 'ambiguous',
          exitCode: token === undefined ? EXIT.notFound : EXIT.usage,
          hint: 'See `panda token list`, and give the id.',
        },
      )
    }
    await session.confirm(plain(`Revoke token ${token.name} (${token.id})?`))
    await api.delete(`/v1/tokens/${segment(token.id)}`)
    await session.print(plain(`Revoked token ${token.name}.`))
  },
})
