import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { TerminalSize } from '@pandastack/contract'
import { z } from 'zod'
import type { ExecOutput, ExecRequest, RunningExec } from '../driver.ts'
import { ExecRefusal, RuntimeError } from '../driver.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import { readFrames } from './frames.ts'

const CREATED = z.object({ Id: z.string() })
const INSPECTED = z.object({ Running: z.boolean(), ExitCode: z.number().nullish() })
/** The output's end comes before the record of it: so often and so long it is asked for, about 5 s. */
const EXIT_ROUNDS = 50
const EXIT_PAUSE_MS = 100
/** A size can be set when the program has its terminal, which the start does not wait for. */
const RESIZE_ROUNDS = 10
const RESIZE_PAUSE_MS = 50
/** What a terminal that is hung up has typed last: shells and most programs end by it. */
const HANG_UP = Buffer.from([0x03, 0x04])

/** `docker exec`: the engine runs the command in the container's namespaces, with its user, variables, folder and limits. */
export async function execInContainer(
  api: EngineApi,
  unit: string,
  { command, tty }: ExecRequest,
  signal: AbortSignal | undefined,
): Promise<RunningExec> {
  const created = await api.call({
    method: 'POST',
    path: `/containers/${encodeURIComponent(unit)}/exec`,
    // Named, also what is the default: privileged it would be past the container policy.
    body: { Cmd: command, Tty: tty !== null, Privileged: false, ...ATTACHED },
    signal,
  })
  if (created.status !== 201) throw refused(unit, created.status, refusal(created))
  const path = `/exec/${encodeURIComponent(CREATED.parse(created.body).Id)}`
  const body = { Detach: false, Tty: tty !== null }
  const socket = await api.takeOver({ method: 'POST', path: `${path}/start`, body, signal })
  if (!(socket instanceof Socket)) throw refused(unit, socket.status, refusal(socket))
  // Told to the reader of the output; without a listener it would end the process when nobody reads any more.
  socket.on('error', () => undefined)
  const resize = (size: TerminalSize): Promise<void> => (tty === null ? Promise.resolve() : setSize(api, path, size))
  if (tty !== null) await resize(tty)
  let notThere = false
  const output = async function* (): AsyncGenerator<ExecOutput> {
    let first = true
    for await (const part of readOutput(api, socket, tty !== null, signal)) {
      const failed = first && NOT_STARTED.test(part.bytes.toString('utf8', 0, MESSAGE_BYTES))
      if (failed) notThere = NOT_THERE.test(part.bytes.toString('utf8', 0, MESSAGE_BYTES))
      first = false
      yield failed && tty === null ? { ...part, stream: 'stderr' } : part
    }
  }
  const exitCode = async (): Promise<number | null> => {
    const code = await readExitCode(api, path, signal)
    return code === CANNOT_BE_INVOKED && notThere ? COMMAND_NOT_FOUND : code
  }
  return { input: socket, output: output(), resize, exitCode }
}

/**
 * The connection is taken over before the command is looked for, so the engine tells of one that it cannot start where
 * the command's output would be. Docker 20.10 then answers 126 for one that is not there, later ones 127.
 */
const NOT_STARTED = /^OCI runtime exec failed: /
const NOT_THERE = /no such file or directory|executable file not found/
const MESSAGE_BYTES = 4096
const CANNOT_BE_INVOKED = 126
const COMMAND_NOT_FOUND = 127

const ATTACHED = { AttachStdin: true, AttachStdout: true, AttachStderr: true }

function refused(unit: string, status: number, why: string): Error {
  // 404: no such container; 409: it is not running, or paused. Podman says 500 for one that is not running.
  const notRunning = status === 404 || status === 409 || /is not running|can only create exec sessions/i.test(why)
  const message = `${unit} takes no command: ${why}`
  return notRunning ? new ExecRefusal('not-running', message) : new RuntimeError('engine-away', message)
}

async function* readOutput(
  api: EngineApi,
  socket: Socket,
  terminal: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<ExecOutput> {
  const onAbort = (): void => {
    if (terminal && socket.writable) socket.write(HANG_UP)
    socket.destroySoon()
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) onAbort()
  try {
    if (terminal) for await (const bytes of socket as AsyncIterable<Buffer>) yield { stream: 'stdout', bytes }
    else for await (const { stream, payload } of readFrames(socket)) yield { stream, bytes: payload }
    signal?.throwIfAborted()
  } catch (error) {
    throw api.broken(error, signal)
  } finally {
    signal?.removeEventListener('abort', onAbort)
    socket.destroy()
  }
}

async function setSize(api: EngineApi, path: string, { columns, rows }: TerminalSize): Promise<void> {
  for (let round = 0; round < RESIZE_ROUNDS; round += 1) {
    const answer = await api.call({ method: 'POST', path: `${path}/resize`, query: { h: rows, w: columns } })
    if (answer.status < 300 || answer.status === 404) return
    await delay(RESIZE_PAUSE_MS)
  }
}

async function readExitCode(api: EngineApi, path: string, signal: AbortSignal | undefined): Promise<number | null> {
  for (let round = 0; round < EXIT_ROUNDS; round += 1) {
    const answer = await api.call({ method: 'GET', path: `${path}/json`, signal })
    if (answer.status !== 200) return null
    const { Running, ExitCode } = INSPECTED.parse(answer.body)
    if (!Running && typeof ExitCode === 'number') return ExitCode
    await delay(EXIT_PAUSE_MS)
  }
  return null
}
