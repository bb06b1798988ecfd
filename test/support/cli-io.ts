import { PassThrough } from 'node:stream'
import type { Io } from '../../packages/cli/src/io.ts'
import { runCli } from '../../packages/cli/src/run-cli.ts'

export interface CliRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The same as `stdout`, as it came. */
  readonly bytes: Buffer
}
export interface CliOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly stdin?: string | Buffer
  /** Given standard input to write to, and to end, instead of `stdin`. */
  readonly onStdin?: (stdin: PassThrough) => void
  /** Stands in for a terminal with this width. */
  readonly terminal?: { readonly columns: number; readonly rows?: number }
  /** Told when the terminal gives keys as they are typed, and when it does not any more. */
  readonly onRawMode?: (raw: boolean) => void
  readonly now?: Date
  /** Given the function that stands for Ctrl-C. */
  readonly onStart?: (interrupt: () => void) => void
  /** Given what is written, to stdout and stderr alike. */
  readonly onOutput?: (text: string) => void
}

/** A stream that keeps what is written, as a pipe or as a terminal. */
function capture({ terminal, onOutput }: CliOptions) {
  const stream = new PassThrough()
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    onOutput?.(chunk.toString('utf8'))
  })
  const sink = Object.assign(stream, terminal === undefined ? {} : { isTTY: true, ...terminal })
  return { sink, bytes: () => Buffer.concat(chunks) }
}

/** One command line in this process, exactly as `panda` runs it, with captured streams. */
export async function runInProcess(argv: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const out = capture(options)
  const err = capture(options)
  const stdin = Object.assign(
    new PassThrough(),
    options.terminal === undefined ? {} : { isTTY: true, setRawMode: (raw: boolean) => options.onRawMode?.(raw) },
  )
  if (options.onStdin === undefined) stdin.end(options.stdin ?? '')
  else options.onStdin(stdin)
  const listeners = new Set<() => void>()
  const io: Io = {
    stdout: out.sink,
    stderr: err.sink,
    stdin,
    env: { PANDA_CONFIG: '/nonexistent/panda/config.json', PANDA_HOME: '/nonexistent/panda/home', ...options.env },
    now: () => options.now ?? new Date(),
    onInterrupt(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  options.onStart?.(() => {
    for (const listener of listeners) listener()
  })
  const code = await runCli(argv, io)
  return { code, stdout: out.bytes().toString('utf8'), stderr: err.bytes().toString('utf8'), bytes: out.bytes() }
}
