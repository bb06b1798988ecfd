import type { Clock } from './clock.ts'
import type { Note } from './driver.ts'
import type { Running } from './running-job.ts'

/** Log lines and progress of a job go to the store at most so often. */
const FLUSH_MS = 200
/** The store keeps no more of a job, so no more are kept for it while it is away. */
const MAX_LINES = 1000

interface Page {
  lines: string[]
  progress: string | null
  /** The writing that is under way. Until it is over, what comes is gathered. */
  writing: Promise<void> | null
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

  /** Jobs of which something is remembered. */
  get size(): number {
    return this.#pages.size
  }

  add(running: Running, line: string | null, progress: string | null): void {
    running.noted = true
    let page = this.#pages.get(running)
    if (page === undefined) {
      page = { lines: [], progress: null, writing: null }
      this.#pages.set(running, page)
    }
    if (line !== null) page.lines.push(line)
    // Cut now and then and not with each line, which would move all of them.
    if (page.lines.length >= 2 * MAX_LINES) page.lines.splice(0, page.lines.length - MAX_LINES)
    if (progress !== null) page.progress = progress
    this.#planFlush()
  }

  /** Resolves when all that the job noted is written or given up: notes never hold a result back for ever. */
  async finish(running: Running): Promise<void> {
    const page = this.#pages.get(running)
    if (page === undefined) return
    this.#pages.delete(running)
    await page.writing
    await this.#flush(running, page)
  }

  /** The job is no longer this worker's: its notes would be refused. */
  drop(running: Running): void {
    this.#pages.delete(running)
  }

  #planFlush(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#clock.after(FLUSH_MS, () => {
      this.#flushing = false
      for (const [running, page] of this.#pages) void this.#flush(running, page)
    })
  }

  /** Writes what is there, unless a writing is under way: its end plans the next. */
  #flush(running: Running, page: Page): Promise<void> {
    if (page.writing !== null) return page.writing
    if (page.lines.length === 0 && page.progress === null) return Promise.resolve()
    const note: Note = {
      ...(page.lines.length > 0 && { lines: page.lines.slice(-MAX_LINES) }),
      ...(page.progress !== null && { progress: page.progress }),
    }
    page.lines = []
    page.progress = null
    page.writing = this.#writeNote(running, page, note)
    return page.writing
  }

  async #writeNote(running: Running, page: Page, note: Note): Promise<void> {
    try {
      await this.#write(running, note)
    } catch (error) {
      process.emitWarning(`notes of job ${running.id} were not stored: ${String(error)}`, 'PandaWarning')
    }
    page.writing = null
    if (page.lines.length > 0 || page.progress !== null) this.#planFlush()
  }
}
