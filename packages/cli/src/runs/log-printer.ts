import type { LogLine } from '@pandastack/contract'
import { write, type Sink } from '../io.ts'
import { logCleaner, type LogCleaner } from '../output/clean.ts'
import type { Session } from '../session.ts'

export interface LogPrinterOptions {
  readonly timestamps?: boolean
  /** Where the container's stdout goes; its stderr and our own marks go to stderr. */
  readonly out?: Sink
}

/** Writes log lines to where the container wrote them: stdout to stdout, stderr to stderr. */
export class LogPrinter {
  readonly #session: Session
  readonly #out: Sink
  readonly #timestamps: boolean
  readonly #cleanOut: LogCleaner
  readonly #cleanErr: LogCleaner

  constructor(session: Session, options: LogPrinterOptions = {}) {
    this.#session = session
    this.#out = options.out ?? session.io.stdout
    this.#timestamps = options.timestamps === true
    const { stderr } = session.io
    const colors = this.#out === stderr ? session.colors.stderr : session.colors.stdout
    this.#cleanOut = logCleaner(this.#out, colors, session.colorsRefused)
    this.#cleanErr = logCleaner(stderr, session.colors.stderr, session.colorsRefused)
  }

  async print(line: LogLine): Promise<void> {
    const time = this.#timestamps ? `${line.time} ` : ''
    if (line.stream === 'stdout') return write(this.#out, `${time}${this.#cleanOut(line.text)}\n`)
    const { io, errorStyle } = this.#session
    const text = this.#cleanErr(line.text)
    await write(io.stderr, `${time}${line.stream === 'panda' ? errorStyle.yellow(`[panda] ${text}`) : text}\n`)
  }
}
