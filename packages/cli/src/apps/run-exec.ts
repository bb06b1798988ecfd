import type { Socket } from 'node:net'
import { type ExecEnd, execEndSchema, type TerminalSize } from '@pandastack/contract'
import { EXEC_PING_MS, EXEC_PROTOCOL, execFrame, execFrames, readExecFrames } from '@pandastack/contract/exec'
import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Client, Query } from '../http/client.ts'
import { transportError } from '../http/failures.ts'
import { type Io, write } from '../io.ts'

/** The server pings: when three of them are missing the line is dead though not cut. */
const SILENCE_MS = 3 * EXEC_PING_MS
/** Of a terminal that does not say. */
const USUAL_SIZE: TerminalSize = { columns: 80, rows: 24 }

export interface ExecCall {
  readonly path: string
  readonly query: Query
  readonly command: readonly string[]
  readonly tty: boolean
  /** Sends standard input; else the command finds its end at once. */
  readonly input: boolean
}

/**
 * Runs a command in an instance, with the streams of this process as its own.
 *
 * @returns its exit code
 * @throws CliError when it could not be run, or nobody knows how it ended
 */
export async function runExec(io: Io, client: Client, call: ExecCall): Promise<number> {
  const socket = await client.upgrade(call.path, call.query, EXEC_PROTOCOL)
  const cut = new Error('the connection fell silent')
  socket.setTimeout(SILENCE_MS, () => socket.destroy(cut))
  // Told to the reader of the frames; without a listener it would end the process.
  socket.on('error', () => undefined)
  const start = { command: call.command, tty: call.tty ? sizeOf(io) : null }
  await write(socket, execFrame('start', Buffer.from(JSON.stringify(start))))
  const restore = call.tty ? takeTerminal(io, socket) : () => undefined
  try {
    // Runs beside the output and is not waited for: the command may end long before its input does.
    if (call.input) void sendInput(io, socket)
    else await write(socket, execFrame('stdin'))
    return exitOf(await readOutput(io, socket, client.target.url))
  } finally {
    restore()
    socket.destroy()
    // A pipe or terminal that is still open would keep the process.
    if (call.input) io.stdin.destroy()
  }
}

async function sendInput(io: Io, socket: Socket): Promise<void> {
  try {
    for await (const chunk of io.stdin) {
      for (const frame of execFrames('stdin', Buffer.from(chunk as Buffer | string))) await write(socket, frame)
    }
  } catch {
    // Nothing more can be read; for the command that is the end of its input. Its exit code tells what it made of it.
  }
  await write(socket, execFrame('stdin'))
}

async function readOutput(io: Io, socket: Socket, server: string): Promise<ExecEnd> {
  try {
    for await (const { kind, payload } of readExecFrames(socket)) {
      if (kind === 'stdout') await write(io.stdout, payload)
      else if (kind === 'stderr') await write(io.stderr, payload)
      else if (kind === 'end') return execEndSchema.parse(JSON.parse(payload.toString()))
    }
  } catch (error) {
    throw transportError(error, server)
  }
  throw lost('the connection was cut')
}

function exitOf({ code, message }: ExecEnd): number {
  if (code !== null) return code
  throw lost(message ?? 'nobody knows why')
}

function lost(why: string): CliError {
  return new CliError(`the command has no exit code: ${why}`, {
    code: 'exec_lost',
    exitCode: EXIT.failed,
    hint: 'It may have done its work, or a part of it. See: panda app get APP',
  })
}

/** From now on keys go to the command as they are typed, Ctrl-C too, and it hears of each new size. @returns the way back */
function takeTerminal({ stdin, stdout }: Io, socket: Socket): () => void {
  const onResize = (): void => {
    if (socket.writable) socket.write(execFrame('resize', Buffer.from(JSON.stringify(sizeOf({ stdout })))))
  }
  stdin.setRawMode?.(true)
  stdout.on('resize', onResize)
  return () => {
    stdout.off('resize', onResize)
    stdin.setRawMode?.(false)
  }
}

function sizeOf({ stdout }: Pick<Io, 'stdout'>): TerminalSize {
  // A terminal that was never given a size says 0.
  return { columns: stdout.columns || USUAL_SIZE.columns, rows: stdout.rows || USUAL_SIZE.rows }
}
