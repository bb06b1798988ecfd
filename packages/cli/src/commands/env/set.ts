import type { EnvVariable } from '@pandastack/contract'
import { defineCommand, list } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { segment } from '../../http/client.ts'
import { show } from '../../output/show.ts'
import { parsePairs, readEnvFiles } from '../../values.ts'

export const command = defineCommand({
  args: { pairs: { value: 'KEY=VALUE', text: 'Variables', many: true } },
  options: { envFile: list('FILE', 'Variables from a dotenv file') },
  details: ['For every cronjob of the project, from its next run on. For secrets use panda secret set.'],
  examples: [
    { line: 'panda env set LOG_LEVEL=info REGION=eu', note: 'two variables' },
    { line: 'panda env set --env-file .env', note: 'all of a file' },
  ],
  async run({ args, options, session }) {
    const env = { ...(await readEnvFiles(options.envFile)), ...parsePairs(args.pairs, 'panda env set') }
    const names = Object.keys(env)
    if (names.length === 0) throw usageError('panda env set needs KEY=VALUE or --env-file')
    const api = await session.api()
    const items: EnvVariable[] = []
    for (const [name, value] of Object.entries(env)) {
      items.push(await api.put<EnvVariable>(`/v1/env/${segment(name)}`, { value }, api.project))
    }
    await show(
      session,
      { items, nextCursor: null },
      {
        name: () => names.join('\n'),
        human: () =>
          `Set ${names.join(', ')}. Runs that start from now on get it, apps with their next deploy or restart.`,
      },
    )
  },
})
