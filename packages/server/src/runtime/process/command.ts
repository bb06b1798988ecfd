import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { RuntimeError, type UnitSpec } from '../driver.ts'

/** What a program needs to find others and its user's files. Nothing else of the server's environment is handed on. */
const HANDED_ON = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TMPDIR'] as const
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'

export interface Command {
  /** Absolute. */
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/**
 * The program on this machine that the unit's entrypoint and command name, and its whole environment.
 *
 * @param workFolder relative names with a slash start there
 * @throws RuntimeError `start-failed`: there is none, or it cannot be run
 */
export function resolveCommand(
  unit: Pick<UnitSpec, 'entrypoint' | 'command' | 'env' | 'image'>,
  workFolder: string,
  serverEnv: NodeJS.ProcessEnv,
): Command {
  const [name, ...args] = [...(unit.entrypoint ?? []), ...(unit.command ?? [])]
  if (name === undefined || name === '') {
    throw new RuntimeError(
      'start-failed',
      `the process runtime needs a command, since it does not use the image ${unit.image}: ` +
        'give one after `--`, e.g. panda cronjob create … -- node job.js',
    )
  }
  const env = { ...minimum(serverEnv), ...unit.env }
  const file = find(name, env['PATH'] ?? DEFAULT_PATH, workFolder)
  return { file, args, env }
}

function minimum(serverEnv: NodeJS.ProcessEnv): Record<string, string> {
  const env: Record<string, string> = { PATH: DEFAULT_PATH }
  for (const name of HANDED_ON) {
    const value = serverEnv[name]
    if (value !== undefined) env[name] = value
  }
  return env
}

function find(name: string, path: string, workFolder: string): string {
  const candidates = name.includes('/')
    ? [isAbsolute(name) ? name : resolve(workFolder, name)]
    : path.split(delimiter).flatMap((folder) => (isAbsolute(folder) ? [join(folder, name)] : []))
  const there = candidates.filter(isFile)
  const file = there.find(isExecutable)
  if (file !== undefined) return file
  const why = there.length > 0 ? 'may not be executed' : name.includes('/') ? 'is not there' : 'is not in the PATH'
  throw new RuntimeError('start-failed', `the program ${name} ${why} on this machine`)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Whatever the reason, it cannot be run; the caller says so.
    return false
  }
}
