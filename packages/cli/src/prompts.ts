import { confirm, isCancel, password, text } from '@clack/prompts'
import { CliError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import type { Io } from './io.ts'

/** Questions go to stderr, so that a result on stdout can be piped while somebody answers. */
function streams(io: Io) {
  return { input: io.stdin, output: io.stderr }
}

function answered<T>(answer: T): Exclude<T, symbol> {
  if (isCancel(answer)) throw new CliError('stopped', { code: 'interrupted', exitCode: EXIT.interrupted })
  return answer as Exclude<T, symbol>
}

/** With `typed` that word must be written out: for what takes other things along when it goes. */
export async function askYes(io: Io, question: string, typed?: string): Promise<boolean> {
  if (typed === undefined) {
    return answered(await confirm({ message: question, initialValue: false, ...streams(io) }))
  }
  const answer = answered(await text({ message: `${question} Type ${typed} to confirm`, ...streams(io) }))
  return answer === typed
}

export async function askSecret(io: Io, question: string): Promise<string> {
  return answered(
    await password({
      message: question,
      validate: (value) => (value === undefined || value === '' ? 'It must not be empty.' : undefined),
      ...streams(io),
    }),
  )
}
