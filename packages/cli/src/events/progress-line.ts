import { write } from '../io.ts'
import type { Session } from '../session.ts'

/** In a pipe or a log file a line stands for ever: one in so many ms is enough. */
const LINE_EVERY_MS = 10_000

/** How far long work is, on stderr: on a terminal one line that is written over, else a line now and then. */
export class ProgressLine {
  readonly #session: Session
  readonly #words: (done: number, total: number) => string
  #shownAt: number
  #written: Promise<void> = Promise.resolve()
  #dirty = false

  constructor(session: Session, words: (done: number, total: number) => string) {
    this.#session = session
    this.#words = words
    this.#shownAt = session.io.now().getTime()
  }

  show(done: number, total: number): void {
    const { stderr } = this.#session.io
    if (stderr.isTTY === true) {
      this.#dirty = true
      this.#queue(`\r\u001b[K${this.#words(done, total)}`)
      return
    }
    const now = this.#session.io.now().getTime()
    if (now - this.#shownAt < LINE_EVERY_MS) return
    this.#shownAt = now
    this.#queue(`${this.#words(done, total)}\n`)
  }

  /** Takes the line off the terminal, and waits until all was written. */
  async clear(): Promise<void> {
    if (this.#dirty) this.#queue('\r\u001b[K')
    await this.#written
  }

  #queue(text: string): void {
    this.#written = this.#written.then(() => write(this.#session.io.stderr, text))
  }
}
