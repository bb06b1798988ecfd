import { formatDuration } from '@pandastack/contract'
import type { Clock } from '../clock.ts'
import { ExecRefusal, type ExecOutput, type RunningExec, type RuntimeDriver } from '../runtime/driver.ts'
import type { ProbeTrouble } from './ask-http.ts'

/** An engine knows no way to stop a command, so those that hang are counted instead: each is a process in the container. */
const MAX_HANGING = 3
/** Of the output, for its last line; a longer line is cut at its front. */
const KEPT_CHARACTERS = 2000
/** Of the last line, in a message. */
const SHOWN_CHARACTERS = 200

export interface CommandAskerDeps {
  readonly driver: Pick<RuntimeDriver, 'exec'>
  readonly clock: Pick<Clock, 'sleep'>
  /** Takes the secrets out of a line, which is stored and shown; null = they are not known now, so nothing may be shown. */
  readonly redact: (line: string) => Promise<string | null>
}

/** Runs the command of one unit's probe, time and again. Ready = it exits with 0. */
export class CommandAsker {
  readonly #deps: CommandAskerDeps
  readonly #unit: string
  /** So many commands have not ended within their time, and still run. */
  #hanging = 0
  /** The last line that was told, since it is mostly the same, and how it may be shown. */
  #shown: { readonly line: string; readonly words: string } = { line: '', words: '' }

  constructor(deps: CommandAskerDeps, unit: string) {
    this.#deps = deps
    this.#unit = unit
  }

  /** @param signal ends the conversation with all commands that still run. @throws RuntimeError */
  async ask(command: readonly string[], limitMs: number, signal: AbortSignal): Promise<ProbeTrouble> {
    const { driver, clock } = this.#deps
    if (this.#hanging >= MAX_HANGING) {
      return `is not run again until one of ${MAX_HANGING} has ended that did not within ${formatDuration(limitMs)}`
    }
    const exec = await this.#start(driver, command, signal)
    if (typeof exec === 'string') return exec
    const ended = endOf(exec)
    const over = new AbortController()
    try {
      const end = await Promise.race([ended, clock.sleep(limitMs, over.signal).then(() => null)])
      if (end === null) {
        this.#leave(ended, signal)
        return `did not end within ${formatDuration(limitMs)}`
      }
      if (end.code === 0) return null
      if (end.code === null) return 'ended with its container'
      return `exited with code ${end.code}${await this.#words(end.line)}`
    } finally {
      over.abort()
    }
  }

  async #start(
    driver: CommandAskerDeps['driver'],
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<RunningExec | string> {
    try {
      const exec = await driver.exec(this.#unit, { command, tty: null }, signal)
      exec.input.end()
      return exec
    } catch (error) {
      if (!(error instanceof ExecRefusal)) throw error
      return error.code === 'not-running'
        ? 'could not be run: its instance does not run'
        : `cannot be run: ${error.message}`
    }
  }

  /** How it ends, and whether it could be read to its end, is nobody's concern any more. */
  #leave(ended: Promise<CommandEnd>, signal: AbortSignal): void {
    this.#hanging += 1
    const end = (): void => {
      if (!signal.aborted) this.#hanging -= 1
    }
    ended.then(end, end)
  }

  async #words(line: string): Promise<string> {
    if (line === this.#shown.line) return this.#shown.words
    const redacted = await this.#deps.redact(line)
    const words = redacted === null ? '' : `: ${shortened(redacted)}`
    if (redacted !== null) this.#shown = { line, words }
    return words
  }
}

function shortened(line: string): string {
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS - 1)}…`
}

interface CommandEnd {
  readonly code: number | null
  readonly line: string
}

async function endOf(exec: RunningExec): Promise<CommandEnd> {
  const line = await lastLine(exec.output)
  return { code: await exec.exitCode(), line }
}

/** The last line of either stream that holds more than blanks. */
async function lastLine(output: AsyncIterable<ExecOutput>): Promise<string> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  const open = { stdout: '', stderr: '' }
  let last = ''
  for await (const { stream, bytes } of output) {
    const lines = (open[stream] + decoders[stream].decode(bytes, { stream: true })).split('\n')
    open[stream] = (lines.pop() ?? '').slice(-KEPT_CHARACTERS)
    last = lines.map(clean).findLast((line) => line !== '') ?? last
  }
  const unfinished = [open.stdout, open.stderr].map(clean).findLast((line) => line !== '')
  return (unfinished ?? last).slice(-KEPT_CHARACTERS)
}

/** PostgreSQL takes no NUL, and a terminal would obey what begins with ESC. */
function clean(line: string): string {
  // eslint-disable-next-line no-control-regex
  return line.replace(/[\u0000-\u001F\u007F]+/g, ' ').trim()
}
