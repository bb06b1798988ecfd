import { copyFile, readFile, stat, truncate } from 'node:fs/promises'
import { codeOf } from './embedded-error.ts'

/** With one older file kept, PostgreSQL's log takes at most about twice this. */
export const logLimitBytes = 10 * 1024 * 1024

/**
 * Keeps the log bounded: above the limit its content moves to `<path>.1` and the file starts again at zero.
 * It is emptied, not exchanged, because the running server holds it open (in append mode).
 */
export async function rotateLog(path: string, limitBytes = logLimitBytes): Promise<boolean> {
  try {
    if ((await stat(path)).size <= limitBytes) return false
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
  await copyFile(path, `${path}.1`)
  await truncate(path, 0)
  return true
}

/** The last lines of the log from byte `from` on, for an error message. */
export async function logTail(path: string, from = 0, lines = 12): Promise<string> {
  try {
    const text = (await readFile(path)).subarray(from).toString('utf8')
    return text.trimEnd().split('\n').slice(-lines).join('\n')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  }
}
