import type { Token } from '@pandastack/contract'
import { SCOPES } from '@pandastack/contract/names'
import { defineCommand, list, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { show } from '../../output/show.ts'
import { parseMoment, parseSpan } from '../../parse-time.ts'

type CreatedToken = Token & { readonly token: string }

export const command = defineCommand({
  args: { name: { value: 'NAME', text: 'What it is for', required: true, asOption: true } },
  options: {
    scope: list('SCOPE', `${SCOPES.join(', ')} [read]`),
    forProject: text('NAME', 'Bound to this project; default: all projects', { completes: 'project' }),
    expires: text('TIME', 'Ends after 90d, or at 2027-01-01; default: never'),
  },
  details: [
    'read sees, run starts what is written and cancels, write changes, secrets sets secrets, admin may do all.',
  ],
  examples: [
    { line: 'panda token create ci --scope read,run --for-project default --expires 90d', note: 'for a pipeline' },
    { line: 'panda token create dashboard -o name', note: 'prints the token and nothing else' },
  ],
  async run({ args, options, session }) {
    const scopes = options.scope.flatMap((scopes) => scopes.split(',')).map((scope) => scope.trim())
    const unknown = scopes.find((scope) => !(SCOPES as readonly string[]).includes(scope))
    if (unknown !== undefined) throw usageError(`--scope: "${unknown}" is not one of ${SCOPES.join(', ')}`)
    const api = await session.api()
    const token = await api.post<CreatedToken>('/v1/tokens', {
      name: args.name,
      scopes: scopes.length === 0 ? ['read'] : scopes,
      project: options.forProject ?? null,
      expiresAt: options.expires === undefined ? null : endOf(options.expires, session.io.now()),
    })
    // The token is the one thing that is wanted, so it is what `-o name` prints.
    await show(session, token, { name: () => token.token, human: () => token.token })
    await session.hint(`Token "${token.name}" (${token.scopes.join(', ')}), shown only now. Its id: ${token.id}`)
  },
})

function endOf(text: string, now: Date): string {
  if (/^\d+[a-z]/.test(text)) return new Date(now.getTime() + parseSpan(text, '--expires')).toISOString()
  return parseMoment(text, '--expires', ' or 90d').toISOString()
}
