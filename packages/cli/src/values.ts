import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { CliError, usageError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import { readAll } from './io.ts'
import type { Session } from './session.ts'

/** `KEY=VALUE` pairs; the value may be empty and may hold `=` and begin with `-`. */
export function parsePairs(pairs: readonly string[], option = '--env'): Record<string, string> {
  const result: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 1) throw usageError(`${option}: "${shorten(pair)}" is not KEY=VALUE`, `Example: ${option} GREETING=hello`)
    result[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return result
}

/** Variables of files in the form of dotenv; later files win. @throws CliError when one cannot be read. */
export async function readEnvFiles(paths: readonly string[]): Promise<Record<string, string>> {
  const result: Record<string, string> = {}
  for (const path of paths) {
    for (const [name, value] of Object.entries(parseEnv(await readText(path)))) result[name] = value ?? ''
  }
  return result
}

/** @throws CliError `file_unreadable`. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new CliError(`${path} cannot be read`, {
      code: 'file_unreadable',
      exitCode: EXIT.usage,
      why: [error instanceof Error ? error.message : String(error)],
      cause: error,
    })
  }
}

/**
 * `NAME` asks for the value, `NAME=-` reads it from standard input, `NAME@file` from a file. `NAME=value` is refused:
 * other users of the machine see command lines, and the shell keeps them. One line feed at the end is dropped.
 */
export async function readSecret(session: Session, spec: string): Promise<{ name: string; value: string }> {
  const [, name = '', kind, rest = ''] = /^([^=@]+)(?:([=@])(.*))?$/s.exec(spec) ?? []
  if (name === '' || (kind === '@' && rest === ''))
    throw usageError(`"${shorten(spec)}" is not NAME, NAME=- or NAME@file`)
  if (kind === '=' && rest !== '-') {
    throw usageError(
      `the value of ${name} stands on the command line, where others can see it`,
      `Use ${name} (you are asked), ${name}=- (standard input) or ${name}@file.`,
    )
  }
  const value = await secretText(session, name, kind, rest)
  if (value === '') throw usageError(`the value of ${name} is empty`, `To remove it: panda secret unset ${name}`)
  return { name, value }
}

async function secretText(session: Session, name: string, kind: string | undefined, path: string): Promise<string> {
  if (kind === '@') return withoutLastLineFeed(await readText(path))
  if (kind === '=') return withoutLastLineFeed(await readAll(session.io.stdin))
  return session.askSecret(`Value of ${name}`, `Pipe it in with ${name}=-, or name a file: ${name}@file.`)
}

function withoutLastLineFeed(text: string): string {
  return text.replace(/\r?\n$/, '')
}

/** An array of words: JSON such as `["sh","-c","date"]`, or one word as it is. */
export function parseWords(text: string, option: string): string[] {
  if (!text.trimStart().startsWith('[')) return [text]
  let words: unknown
  try {
    words = JSON.parse(text)
  } catch {
    words = undefined
  }
  if (Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string')) return words
  throw usageError(
    `${option}: "${shorten(text)}" is not a JSON array of words`,
    `Example: ${option} '["sh","-c","date"]'`,
  )
}

/** A whole number, 0 or more. @param what names it in the error, e.g. `the number of instances` */
export function parseCount(text: string, what: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usageError(`${what}: "${shorten(text)}" is not a whole number`)
}

/** `none` means that there is no such limit. */
export function orNone(text: string): string | null {
  return text === 'none' ? null : text
}

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`
}
