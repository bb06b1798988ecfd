import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PandaError } from '../errors.ts'

const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/

/**
 * What this application is called: PANDA_APP, which the platform sets in every container app, else the name in the nearest
 * package.json (without its scope), looked for from the started file upwards.
 * @throws PandaError invalid_option when neither is there
 */
export function appName(env: NodeJS.ProcessEnv = process.env, start: string | undefined = process.argv[1]): string {
  const given = env['PANDA_APP']
  if (given !== undefined && given !== '') return checkName(given, 'PANDA_APP')
  for (let folder = dirname(start ?? join(process.cwd(), 'x')); ; folder = dirname(folder)) {
    const name = packageName(join(folder, 'package.json'))
    if (name !== null) return checkName(name.replace(/^@[^/]*\//, '').toLowerCase(), join(folder, 'package.json'))
    if (folder === dirname(folder)) break
  }
  throw new PandaError('invalid_option', 'The subscription has no name, and the application has none either', {
    hint: 'Pass { subscription: "email-service" }, or set PANDA_APP.',
  })
}

/**
 * Who says that something happened: in a run of a cronjob PANDA_CRONJOB, which the platform sets there, else the
 * application's name. A run has no application's name, and its image need not hold a package.json.
 * @throws PandaError invalid_option as {@link appName}
 */
export function publisherName(env: NodeJS.ProcessEnv = process.env, start?: string): string {
  const cronjob = env['PANDA_APP'] ? undefined : env['PANDA_CRONJOB']
  return cronjob ? checkName(cronjob, 'PANDA_CRONJOB') : appName(env, start)
}

/** @throws PandaError invalid_option */
export function checkName(name: string, source: string): string {
  if (NAME.test(name)) return name
  throw new PandaError('invalid_option', `${source}: "${name}" is no name of a subscription`, {
    hint: 'Use 1 to 100 characters a-z, 0-9, ".", "_" and "-", beginning with a letter or digit.',
  })
}

/** Null where there is none. A broken file is somebody else's trouble: the next folder is asked. */
function packageName(file: string): string | null {
  if (!existsSync(file)) return null
  try {
    const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }
    return typeof name === 'string' && name !== '' ? name : null
  } catch {
    return null
  }
}
