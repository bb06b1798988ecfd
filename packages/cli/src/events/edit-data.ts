import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DeadLetterView } from '@pandastack/contract'
import { CliError, usageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { readAll } from '../io.ts'
import { parseData } from '../queues/parse-data.ts'
import type { Session } from '../session.ts'

/** The mended payload: as given, from standard input, or as it comes out of an editor. @throws CliError */
export async function editedData(
  session: Session,
  letter: DeadLetterView,
  given: string | undefined,
): Promise<unknown> {
  if (given === '-') return parseData(await readAll(session.io.stdin))
  if (given !== undefined) return parseData(given)
  if (!session.interactive) throw usageError('there is no payload, and nobody to open an editor for', 'Pass the JSON.')
  const before = letter.event === null ? (letter.raw ?? '') : `${JSON.stringify(letter.event.data, null, 2)}\n`
  const after = await inEditor(session.io.env, before)
  if (after === before) throw new CliError('nothing was changed', { code: 'declined', exitCode: EXIT.failed })
  return parseData(after)
}

/** VISUAL, else EDITOR, else vi; its words are parted at blanks, no shell reads them. */
async function inEditor(env: NodeJS.ProcessEnv, text: string): Promise<string> {
  const [program = 'vi', ...words] = (env['VISUAL'] || env['EDITOR'] || 'vi').split(/\s+/).filter((word) => word !== '')
  const folder = await mkdtemp(join(tmpdir(), 'panda-edit-'))
  try {
    const file = join(folder, 'payload.json')
    await writeFile(file, text, { mode: 0o600 })
    await new Promise<void>((resolve, reject) => {
      const child = spawn(program, [...words, file], { stdio: 'inherit' })
      child.once('error', (error) => reject(editorFailed(program, error.message)))
      child.once('exit', (code) => (code === 0 ? resolve() : reject(editorFailed(program, `exit code ${code}`))))
    })
    return await readFile(file, 'utf8')
  } finally {
    await rm(folder, { recursive: true })
  }
}

function editorFailed(program: string, why: string): CliError {
  return new CliError(`the editor ${program} failed: ${why}`, {
    code: 'editor_failed',
    exitCode: EXIT.failed,
    hint: 'Set EDITOR to one that runs here, or pass the payload as JSON.',
  })
}
