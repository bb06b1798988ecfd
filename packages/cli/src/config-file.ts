import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CliError } from './errors.ts'
import { EXIT } from './exit-codes.ts'

/** One saved login. */
export interface SavedContext {
  readonly url: string
  readonly token: string
  readonly project?: string
}
export interface ConfigFile {
  readonly current: string | null
  readonly contexts: Readonly<Record<string, SavedContext>>
}

const EMPTY: ConfigFile = { current: null, contexts: {} }

/** `config.json` in the platform's folder for settings; PANDA_CONFIG names another file. */
export async function configPath(env: NodeJS.ProcessEnv): Promise<string> {
  const named = env['PANDA_CONFIG']
  if (named !== undefined && named !== '') return named
  const { default: envPaths } = await import('env-paths')
  return join(envPaths('panda', { suffix: '' }).config, 'config.json')
}

/** @throws CliError when the file is there but cannot be read as one. */
export async function readConfigFile(env: NodeJS.ProcessEnv): Promise<ConfigFile> {
  const path = await configPath(env)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return EMPTY
    throw unreadable(path, error)
  }
  try {
    return checked(JSON.parse(text))
  } catch (error) {
    throw unreadable(path, error)
  }
}

function checked(value: unknown): ConfigFile {
  const file = value as Partial<ConfigFile> | null
  if (typeof file !== 'object' || file === null) throw new TypeError('it holds no object')
  const contexts = file.contexts ?? {}
  for (const [name, context] of Object.entries(contexts)) {
    if (typeof context.url !== 'string' || typeof context.token !== 'string') {
      throw new TypeError(`the context "${name}" has no url or token`)
    }
  }
  return { current: file.current ?? null, contexts }
}

/** Written beside and renamed, so that a crash leaves the old file; only the owner can read it. */
export async function writeConfigFile(env: NodeJS.ProcessEnv, file: ConfigFile): Promise<void> {
  const [path, { mkdir, rename, rm, writeFile }, { randomUUID }] = await Promise.all([
    configPath(env),
    import('node:fs/promises'),
    import('node:crypto'),
  ])
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomUUID()}.tmp`
  try {
    await writeFile(draft, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

function unreadable(path: string, error: unknown): CliError {
  return new CliError(`${path} cannot be read`, {
    code: 'invalid_config',
    exitCode: EXIT.failed,
    why: [error instanceof Error ? error.message : String(error)],
    hint: 'Correct or delete the file, then `panda login`.',
    cause: error,
  })
}
