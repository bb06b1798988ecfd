import type { EnvVariable, StoreWarning } from '@pandastack/contract'
import { defineCommand, flag, list } from '../../command.ts'
import { CliError, usageError } from '../../errors.ts'
import { EXIT } from '../../exit-codes.ts'
import { segment } from '../../http/client.ts'
import { plain } from '../../output/clean.ts'
import { show } from '../../output/show.ts'
import { checkStores } from '../../settings/check-stores.ts'
import { parsePairs, readEnvFiles } from '../../values.ts'

export const command = defineCommand({
  args: { pairs: { value: 'KEY=VALUE', text: 'Variables', many: true } },
  options: {
    envFile: list('FILE', 'Variables from a dotenv file'),
    strict: flag('Set nothing when the check of a store finds something'),
    noCheck: flag('Do not check the stores that are named'),
  },
  details: [
    'For every cronjob of the project, from its next run on, and every app, from its next deploy or restart on. The',
    'server looks at once whether DATABASE_URL, REDIS_URL, RABBITMQ_URL, AMQP_URL, PANDA_QUEUE_URL and',
    'PANDA_EVENTS_URL can be used, and warns of settings that lose data. For secrets use panda secret set.',
  ],
  examples: [
    { line: 'panda env set LOG_LEVEL=info REGION=eu', note: 'two variables' },
    { line: 'panda env set --env-file .env', note: 'all of a file' },
    { line: 'panda env set REDIS_URL=redis://localhost:6379 --strict', note: 'only if it can be used safely' },
  ],
  async run({ args, options, session }) {
    const env = { ...(await readEnvFiles(options.envFile)), ...parsePairs(args.pairs, 'panda env set') }
    const names = Object.keys(env)
    if (names.length === 0) throw usageError('panda env set needs KEY=VALUE or --env-file')
    if (options.strict && options.noCheck) throw usageError('--strict and --no-check exclude each other')
    const api = await session.api()
    const warnings = options.noCheck ? [] : await checkStores(api, env)
    if (options.strict && warnings.length > 0) throw refused(warnings)
    const items: EnvVariable[] = []
    for (const [name, value] of Object.entries(env)) {
      items.push(await api.put<EnvVariable>(`/v1/env/${segment(name)}`, { value }, api.project))
    }
    await show(
      session,
      { items, nextCursor: null, warnings },
      {
        name: () => names.join('\n'),
        human: () =>
          `Set ${names.join(', ')}. Runs that start from now on get it, apps with their next deploy or restart.`,
      },
    )
    for (const { name, message, hint } of warnings) await session.warn(plain(`${name}: ${message}`), plain(hint))
  },
})

function refused(warnings: readonly StoreWarning[]): CliError {
  const words = warnings.map(({ name, message }) => plain(`${name}: ${message}`))
  return new CliError(`nothing was set: ${words.join('; ')}`, {
    code: 'store_check_failed',
    exitCode: EXIT.failed,
    hint: `${[...new Set(warnings.map(({ hint }) => plain(hint)))].join(' ')} Without --strict it is set all the same.`,
    errors: warnings.map(({ name, message }) => ({ path: name, message })),
  })
}
