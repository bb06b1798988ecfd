import type { Clock } from './clock.ts'
import type { Note } from './driver.ts'
import type { Running } from './running-job.ts'

/** Log lines and progress of a job go to the store at most so often. */
const FLUSH_MS = 200

interface Page {
  lines: string[]
  progress: string | null
  /** The writing that is under way. */
  writing: Promise<void>
}

/** What handlers note about their jobs, written in bundles and always before the job's result. */
export class NoteBook {
  readonly #pages = new Map<Running, Page>()
  #flushing = false
  readonly #write: (running: Running, note: Note) => Promise<unknown>
  readonly #clock: Clock

  constructor(write: (running: Running, note: Note) => Promise<unknown>, clock: Clock) {
    this.#write = write
    this.#clock = clock
  }

  add(running: Running, line: string | null, progress: string | null): void {
    running.noted = true
    let page = this.#pages.get(running)
    if (page === undefined) {
      page = { lines: [], progress: null, writing: Promise.resolve() }
      this.#pages.set(running, page)
    }
    if (line !== null) page.lines.push(line)
    if (progress !== null) page.progress = progress
    if (this.#flushing) return
    this.#flushing = true
    this.#clock.after(FLUSH_MS, () => {
      this.#flushing = false
      for (const [running, page] of this.#pages) void this.#flush(running, page)
    })
  }

  /** Resolves when all that the job noted is written or given up: notes never hold a result back for ever. */
  async finish(running: Running): Promise<void> {
    const page = this.#pages.get(running)
    if (page === undefined) return
    await this.#flush(running, page)
    this.#pages.delete(running)
  }

  #flush(running: Running, page: Page): Promise<void> {
    if (page.lines.length === 0 && page.progress === null) return page.writing
    const note: Note = {
      ...(page.lines.length > 0 && { lines: page.lines }),
      ...(page.progress !== null && { progress: page.progress }),
    }
    page.lines = []
    page.progress = null
    page.writing = this.#writeAfter(page.writing, running, note)
    return page.writing
  }

  async #writeAfter(earlier: Promise<void>, running: Running, note: Note): Promise<void> {
    await earlier
    try {
      await this.#write(running, note)
    } catch (error) {
      process.emitWarning(`notes of job ${running.id} were not stored: ${String(error)}`, 'PandaWarning')
    }
  }
}
