import { once } from 'node:events'
import type { Duplex, Writable } from 'node:stream'
import {
  EXEC_PING_MS,
  type ExecEnd,
  type ExecFrame,
  execFrame,
  type ExecFrameKind,
  execFrames,
  type ExecStart,
  execStartSchema,
  readExecFrames,
  terminalSizeSchema,
} from '@pandastack/contract'
import { ExecRefusal, RuntimeError, type RunningExec } from '../runtime/driver.ts'
import type { ExecDeps } from './exec-deps.ts'

/** The client sends its first frame with the connection; who says nothing holds it no longer than this. */
const START_LIMIT_MS = 10_000

export interface ExecCall {
  readonly unit: string
  /** Told when the command is known, before it starts. */
  readonly onStart: (start: ExecStart) => void
  /** The client has gone, the token is revoked, the server stops. */
  readonly signal: AbortSignal
}

/**
 * One command in one container, between a client's connection and the engine, byte for byte: nothing is stored, changed
 * or redacted. Ends with the command, or ends the command's input when the client has gone.
 *
 * @returns how it ended; the client has been told
 */
export async function serveExec(deps: ExecDeps, socket: Duplex, call: ExecCall): Promise<ExecEnd> {
  const over = new AbortController()
  const pass = (): void => over.abort(call.signal.reason)
  call.signal.addEventListener('abort', pass, { once: true })
  if (call.signal.aborted) pass()
  const pings = ping(deps, socket, over.signal)
  // Who does not keep to the protocol is told so: the socket outlives its reader.
  const frames = readExecFrames(socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>)
  let end: ExecEnd
  try {
    const start = await readStart(deps, frames, over.signal)
    call.onStart(start)
    end = await converse(await deps.driver.exec(call.unit, start, over.signal), { frames, socket, over })
  } catch (error) {
    end = { code: null, message: whyEnded(error, over.signal) }
  } finally {
    call.signal.removeEventListener('abort', pass)
    over.abort(new Error('the command has ended'))
    await pings
  }
  if (socket.writable) socket.write(execFrame('end', Buffer.from(JSON.stringify(end))))
  return end
}

/** @throws for whoever speaks something else, or nothing */
async function readStart(deps: ExecDeps, frames: AsyncGenerator<ExecFrame>, signal: AbortSignal): Promise<ExecStart> {
  const limit = new AbortController()
  const late = deps.clock.sleep(START_LIMIT_MS, limit.signal).then(() => null)
  const onAbort = (): void => limit.abort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const first = await Promise.race([frames.next(), late])
    signal.throwIfAborted()
    if (first === null) throw new ExecMistake(`no command came within ${START_LIMIT_MS / 1000} s`)
    if (first.done === true || first.value.kind !== 'start') throw new ExecMistake('the first frame names no command')
    const start = execStartSchema.safeParse(parseJson(first.value.payload))
    if (!start.success) throw new ExecMistake(`the command is not valid: ${start.error.issues[0]?.message ?? ''}`)
    return start.data
  } finally {
    signal.removeEventListener('abort', onAbort)
    limit.abort()
  }
}

/** The client did not keep to the protocol. */
class ExecMistake extends Error {}

interface Parts {
  readonly frames: AsyncGenerator<ExecFrame>
  readonly socket: Duplex
  /** Aborted here when the client has gone. */
  readonly over: AbortController
}

async function converse(exec: RunningExec, { frames, socket, over }: Parts): Promise<ExecEnd> {
  const input = takeInput(exec, frames, over.signal).then(
    () => over.abort(new Error('the client has gone')),
    (error: unknown) => over.abort(error),
  )
  for await (const { stream, bytes } of exec.output) await sendAll(socket, stream, bytes, over.signal)
  const code = await exec.exitCode()
  over.abort(new Error('the command has ended'))
  // What the client still sends is not waited for: a return of the frames could hang on its next byte.
  void input
  return code === null ? { code, message: 'the instance ended meanwhile' } : { code, message: null }
}

/** Until the client has gone. Input that the command does not take is not read either. */
async function takeInput(exec: RunningExec, frames: AsyncIterable<ExecFrame>, signal: AbortSignal): Promise<void> {
  for await (const { kind, payload } of frames) {
    if (signal.aborted) return
    if (kind === 'stdin' && payload.length === 0) exec.input.end()
    else if (kind === 'stdin') await send(exec.input, payload, signal)
    else if (kind === 'resize') await exec.resize(terminalSizeSchema.parse(parseJson(payload)))
  }
}

async function sendAll(socket: Duplex, kind: ExecFrameKind, bytes: Buffer, signal: AbortSignal): Promise<void> {
  for (const frame of execFrames(kind, bytes)) await send(socket, frame, signal)
}

/** Resolves when more may be written, or never will be. */
async function send(sink: Writable, bytes: Buffer, signal: AbortSignal): Promise<void> {
  if (!sink.writable || signal.aborted || sink.write(bytes)) return
  const waiting = new AbortController()
  const stop = (): void => waiting.abort()
  signal.addEventListener('abort', stop, { once: true })
  sink.once('close', stop)
  try {
    await once(sink, 'drain', { signal: waiting.signal })
  } catch (error) {
    if (sink.writable && !signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    sink.off('close', stop)
  }
}

async function ping({ clock }: ExecDeps, socket: Duplex, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(EXEC_PING_MS, signal)
    if (signal.aborted) return
    if (socket.writable && !socket.writableNeedDrain) socket.write(execFrame('ping'))
  }
}

function whyEnded(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return messageOf(signal.reason)
  const known = error instanceof ExecRefusal || error instanceof RuntimeError || error instanceof ExecMistake
  if (known || error instanceof RangeError) return messageOf(error)
  throw error
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString()) as unknown
  } catch (error) {
    throw new ExecMistake('a frame is not JSON', { cause: error })
  }
}
