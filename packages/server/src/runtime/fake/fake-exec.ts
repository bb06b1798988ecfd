import { readFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import type { ExecOutput, ExecRequest, RunningExec, UnitSpec } from '../driver.ts'
import { RuntimeError } from '../driver.ts'
import type { FakeProgram } from './fake-program.ts'
import { parseFakeProgram } from './fake-program.ts'

const NOT_THERE = 127

/** What the fake runtime's commands need of the unit they run in. */
export interface ExecPlace {
  readonly spec: UnitSpec
  /** Resolves when the unit has ended or after so long, or rejects by the signal; true = it has ended. */
  readonly untilEnd: (milliseconds: number, signal: AbortSignal) => Promise<boolean>
}

/**
 * A command in a fake unit: the words of a fake program ({@link parseFakeProgram}), or `cat`, which copies its input, or
 * `size`, which prints the terminal's size at each change until its input ends, or `told FILE`, which prints and exits as
 * the file says at that moment: `3 not yet`.
 */
export function fakeExec(place: ExecPlace, request: ExecRequest, signal: AbortSignal | undefined): RunningExec {
  const input = new PassThrough()
  const sizes = new PassThrough({ objectMode: true })
  if (request.tty !== null) sizes.write(request.tty)
  let code: number | null = null
  const run = async function* (): AsyncGenerator<ExecOutput> {
    const end = new AbortController()
    const onAbort = (): void => {
      end.abort(signal?.reason)
      input.destroy()
      sizes.end()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
    try {
      code = yield* byName(request, { place, input, sizes, signal: end.signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
      input.resume()
    }
    signal?.throwIfAborted()
  }
  input.on('error', () => undefined)
  input.once('finish', () => sizes.end())
  return {
    input,
    output: run(),
    resize: (size) => {
      if (request.tty !== null && sizes.writable) sizes.write(size)
      return Promise.resolve()
    },
    exitCode: () => Promise.resolve(code),
  }
}

interface Parts {
  readonly place: ExecPlace
  readonly input: PassThrough
  readonly sizes: PassThrough
  readonly signal: AbortSignal
}

async function* byName({ command, tty }: ExecRequest, parts: Parts): AsyncGenerator<ExecOutput, number | null> {
  if (command[0] === 'cat') {
    for await (const bytes of parts.input as AsyncIterable<Buffer>) yield { stream: 'stdout', bytes }
    return 0
  }
  if (command[0] === 'size') {
    for await (const { columns, rows } of parts.sizes as AsyncIterable<{ columns: number; rows: number }>) {
      yield { stream: 'stdout', bytes: Buffer.from(`${columns}x${rows}\n`) }
    }
    return 0
  }
  if (command[0] === 'told') {
    const [code = '', ...text] = (await readFile(command[1] ?? '', 'utf8')).split(' ')
    yield { stream: 'stdout', bytes: Buffer.from(text.join(' ')) }
    return Number(code)
  }
  try {
    const program = parseFakeProgram({ entrypoint: null, command, env: ownEnv(parts.place.spec.env) })
    return yield* runProgram(program, tty !== null, parts)
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.code !== 'start-failed') throw error
    yield { stream: 'stderr', bytes: Buffer.from(`${error.message}\n`) }
    return NOT_THERE
  }
}

/** The unit's own program, when a variable tells it, is not the command's. */
function ownEnv(env: UnitSpec['env']): UnitSpec['env'] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== 'PANDA_FAKE'))
}

async function* runProgram(
  program: FakeProgram,
  terminal: boolean,
  { place, signal }: Parts,
): AsyncGenerator<ExecOutput, number | null> {
  for (const { stream, text, endOfLine } of program.texts) {
    yield { stream: terminal ? 'stdout' : stream, bytes: Buffer.from(endOfLine ? `${text}\n` : text) }
  }
  if (program.durationMs > 0 && (await place.untilEnd(program.durationMs, signal))) return null
  return program.exitCode
}
