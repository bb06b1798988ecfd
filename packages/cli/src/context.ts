import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_PORT } from '@pandastack/contract/names'
import { isMissing, readConfigFile, type ConfigFile, type SavedContext } from './config-file.ts'
import { CliError, usageError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import { didYouMean } from './suggest.ts'

/** Where calls go and as whom. */
export interface Target {
  readonly url: string
  readonly token: string | undefined
  /** Undefined: the server takes the project of the token, else `default`. */
  readonly project: string | undefined
  /** Where the address came from, for `panda status` and error texts. */
  readonly source: string
}
interface Chosen {
  readonly url: string | undefined
  readonly project: string | undefined
  readonly context: string | undefined
}
interface Local {
  readonly url: string
  readonly token: string | undefined
}

/**
 * Address, token and project, each by itself: flag, then PANDA_URL / PANDA_TOKEN / PANDA_PROJECT, then a PANDA_HOME
 * that is set and holds a server, then the current context, then the server of the default home, then
 * http://127.0.0.1:7300. There is no flag for the token: other users see command lines.
 *
 * A saved or local token only goes to the address it was made for, so that `--url` cannot carry it elsewhere; the local
 * one only while its server lives.
 */
export async function findTarget(flags: Chosen, env: NodeJS.ProcessEnv): Promise<Target> {
  const homeIsNamed = set(env['PANDA_HOME']) !== undefined
  const named = flags.context === undefined ? undefined : pick(await readConfigFile(env), flags.context)
  const urlFlag = flags.url === undefined ? undefined : address(flags.url, '--url')
  const urlVariable = set(env['PANDA_URL'])
  const local = await readLocal(env)
  const saved = named ?? (homeIsNamed && local !== undefined ? undefined : currentOf(await readConfigFile(env)))
  const candidates: readonly (readonly [url: string | undefined, source: string])[] = [
    [urlFlag, '--url'],
    [named?.url, `--context ${flags.context ?? ''}`],
    [urlVariable === undefined ? undefined : address(urlVariable, 'PANDA_URL'), 'PANDA_URL'],
    [saved?.url, 'context'],
    [local?.url, 'local server'],
  ]
  const [url, source] = candidates.find(([url]) => url !== undefined) ?? [undefined, 'default']
  const chosen = url ?? `http://127.0.0.1:${DEFAULT_PORT}`
  const fits = (owner: { url: string } | undefined) => owner !== undefined && sameOrigin(owner.url, chosen)
  const token =
    (named !== undefined && fits(named) ? named.token : undefined) ??
    set(env['PANDA_TOKEN']) ??
    (fits(saved) ? saved?.token : undefined) ??
    (fits(local) ? local?.token : undefined)
  const project = flags.project ?? set(env['PANDA_PROJECT']) ?? (fits(saved) ? saved?.project : undefined)
  return { url: chosen, token, project, source }
}

function set(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value
}

function address(text: string, from: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw usageError(`${from}: "${text}" is not an address`, 'Write it as http://HOST:7300 or https://HOST.')
  }
  return text
}

function sameOrigin(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin
}

function currentOf(file: ConfigFile): SavedContext | undefined {
  return file.current === null ? undefined : file.contexts[file.current]
}

/** @throws CliError `context_not_found`. */
export function pick(file: ConfigFile, name: string): SavedContext {
  const context = Object.hasOwn(file.contexts, name) ? file.contexts[name] : undefined
  if (context !== undefined) return context
  throw new CliError(`there is no context "${name}"`, {
    code: 'context_not_found',
    exitCode: EXIT.notFound,
    hint: didYouMean(name, Object.keys(file.contexts)) ?? 'See `panda context list`; make one with `panda login`.',
  })
}

async function homeOf(env: NodeJS.ProcessEnv): Promise<string> {
  const named = set(env['PANDA_HOME'])
  if (named !== undefined) return named
  const { default: envPaths } = await import('env-paths')
  return envPaths('panda', { suffix: '' }).data
}

/** The server of this machine, by what it wrote into its home. Unreadable for us (another user's) = none. */
async function readLocal(env: NodeJS.ProcessEnv): Promise<Local | undefined> {
  const home = await homeOf(env)
  const server = readIfThere(join(home, 'server.json'))
  const token = readIfThere(join(home, 'token'))
  let written: { url?: unknown; pid?: unknown } = {}
  try {
    if (server !== undefined) written = JSON.parse(server) as typeof written
  } catch {
    written = {} // not by us: as if it were not there
  }
  const { url, pid } = written
  if (typeof url !== 'string') return undefined
  // After a crash the file stays, and anybody on this machine may take the port: not with this token, which may do all.
  return { url, token: isAlive(pid) ? token?.trim() : undefined }
}

function isAlive(pid: unknown): boolean {
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' // another user's
  }
}

/** Two files of a few hundred bytes: loading node:fs/promises would take ten times as long as reading them. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const refused = error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM')
    if (isMissing(error) || refused) return undefined
    throw error
  }
}
