import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { waitFor } from '../support/wait-for.ts'

/** Started as the shell does it, by its first line. */
const program = join(import.meta.dirname, '../../packages/cli/bin/panda.js')

/** What a finished command has said. */
export interface PandaResult {
  /** null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface PandaOptions {
  readonly stdin?: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** A command that is still running. */
export interface RunningPanda {
  /** What it has written so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly hasEnded: () => boolean
  readonly ended: Promise<PandaResult>
  readonly signal: (signal: NodeJS.Signals) => void
  /** As `panda … | head` does once head has enough. */
  readonly closeStdout: () => void
}

/** The built CLI in processes of its own, with one environment and nothing of this process's. */
export class Panda {
  readonly #env: Readonly<Record<string, string>>

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = { PATH: process.env['PATH'] ?? '', TZ: 'UTC', ...env }
  }

  /** The same with a changed environment; an empty value counts as unset for `panda`. */
  with(env: Readonly<Record<string, string>>): Panda {
    return new Panda({ ...this.#env, ...env })
  }

  start(args: readonly string[], options: PandaOptions = {}): RunningPanda {
    const child = spawn(program, args, {
      env: { ...this.#env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: 'pipe',
    })
    const onTestExit = (): void => void child.kill('SIGKILL')
    process.once('exit', onTestExit)
    // A command that fails before it reads its input closes the pipe.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.stdin ?? '')
    return observe(child, () => process.removeListener('exit', onTestExit))
  }

  run(args: readonly string[], options: PandaOptions = {}): Promise<PandaResult> {
    return this.start(args, options).ended
  }

  /** @throws with what it said unless it exits with 0. @returns stdout */
  async ok(args: readonly string[], options: PandaOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options)
    if (code !== 0) throw new Error(`panda ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
    return stdout
  }

  /** The answer with `-o json`. */
  async json<T>(args: readonly string[], options: PandaOptions = {}): Promise<T> {
    return JSON.parse(await this.ok([...args, '-o', 'json'], options)) as T
  }

  /** Asks again until the answer satisfies. */
  until<T>(what: string, args: readonly string[], satisfies: (answer: T) => boolean, timeoutMs = 30_000): Promise<T> {
    const ask = async (): Promise<T | false> => {
      const answer = await this.json<T>(args)
      return satisfies(answer) ? answer : false
    }
    return waitFor(what, ask, timeoutMs)
  }
}

function observe(child: ChildProcess, onEnd: () => void): RunningPanda {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  child.stdout?.on('data', (chunk: Buffer) => chunks.stdout.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => chunks.stderr.push(chunk))
  const text = (name: 'stdout' | 'stderr') => (): string => Buffer.concat(chunks[name]).toString('utf8')
  let over = false
  const ended = new Promise<PandaResult>((resolve, reject) => {
    child.once('error', reject)
    // `close`, not `exit`: what was written last must have arrived.
    child.once('close', (code) => {
      over = true
      onEnd()
      resolve({ code, stdout: text('stdout')(), stderr: text('stderr')() })
    })
  })
  return {
    stdout: text('stdout'),
    stderr: text('stderr'),
    hasEnded: () => over,
    ended,
    signal: (signal) => void child.kill(signal),
    closeStdout: () => void child.stdout?.destroy(),
  }
}
