import { spawn } from 'node:child_process'
import type { SystemUser } from './system-user.ts'

export interface ProgramResult {
  /** `undefined` when a signal ended the program. */
  readonly exitCode: number | undefined
  /** stdout and stderr as they came, the last 16 KiB. */
  readonly output: string
}

const outputLimit = 16 * 1024
const defaultTimeoutMs = 120_000

/** Runs a short program to its end. Rejects when it cannot be started or takes longer than `timeoutMs` (2 minutes). */
export async function runProgram(
  path: string,
  args: readonly string[],
  options: {
    user?: SystemUser | undefined
    env?: NodeJS.ProcessEnv
    timeoutMs?: number
    signal?: AbortSignal | undefined
  } = {},
): Promise<ProgramResult> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs)
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, {
      // Our own working folder may be closed to the other user, and programs stumble over that.
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]),
      killSignal: 'SIGKILL',
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
    })
    let output = ''
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-outputLimit)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.once('error', reject)
    child.once('close', (exitCode) => resolve({ exitCode: exitCode ?? undefined, output }))
  })
}
