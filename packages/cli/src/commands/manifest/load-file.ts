import { readFile } from 'node:fs/promises'
import type { Manifest } from '@pandastack/contract'
import { CliError } from '../../errors.ts'
import { EXIT } from '../../exit-codes.ts'
import { readAll } from '../../io.ts'
import type { ManifestProblem } from '../../manifest/read-manifest.ts'
import type { Session } from '../../session.ts'

/** A file's text, or standard input for `-`. @throws CliError when it cannot be read. */
export async function readText(session: Session, file: string): Promise<string> {
  if (file === '-') return readAll(session.io.stdin)
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new CliError(`${file} ${missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`}`, {
      code: 'file_unreadable',
      exitCode: missing ? EXIT.notFound : EXIT.failed,
      hint: 'Name the file with -f, or - for standard input.',
      cause: error,
    })
  }
}

/** A manifest without a fault. @throws CliError that names each fault with its line. */
export async function loadManifest(session: Session, file: string): Promise<Manifest> {
  const [text, { readManifest }] = await Promise.all([
    readText(session, file),
    import('../../manifest/read-manifest.ts'),
  ])
  const result = readManifest(text, session.io.env)
  if (result.ok) return result.manifest
  const forMachine = session.globals.format === 'json'
  if (!forMachine) for (const problem of result.problems) await session.say(placed(file, problem))
  const count = result.problems.length
  throw new CliError(`${file} is not valid: ${count} ${count === 1 ? 'problem' : 'problems'}`, {
    code: 'invalid_manifest',
    exitCode: EXIT.usage,
    hint: 'Mend the lines above; the fields are described in docs/reference/panda-yaml.md.',
    ...(forMachine ? { errors: result.problems.map(({ path, message }) => ({ path, message })) } : {}),
  })
}

/** `panda.yaml:12: cronjobs.digest.schedule: …`, which editors and terminals turn into a link. */
export function placed(file: string, { path, line, message }: ManifestProblem): string {
  return [line === null ? file : `${file}:${line}`, ...(path === '' ? [] : [path]), message].join(': ')
}
