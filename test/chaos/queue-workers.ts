import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { waitFor } from '../support/wait-for.ts'

export interface WorkerFiles {
  readonly starts: string
  readonly effects: string
}

/** Worker processes that are killed and replaced. */
export class QueueWorkers implements AsyncDisposable {
  readonly #url: string
  readonly #files: WorkerFiles
  readonly #concurrency: number
  readonly #children: ChildProcess[] = []
  /** When each was killed, by pid, in ms since 1970. */
  readonly killedAt = new Map<number, number>()

  constructor(url: string, files: WorkerFiles, concurrency: number) {
    this.#url = url
    this.#files = files
    this.#concurrency = concurrency
  }

  async add(): Promise<void> {
    const { starts, effects } = this.#files
    const args = [join(import.meta.dirname, 'queue-worker.mjs'), this.#url, starts, effects, String(this.#concurrency)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let isReady = false
    child.stdout.once('data', () => (isReady = true))
    this.#children.push(child)
    await waitFor('a worker to start', () => {
      if (child.exitCode !== null) throw new Error(`a worker ended with code ${child.exitCode}`)
      return isReady
    })
  }

  /** SIGKILLs the oldest and starts another one in its place. */
  async replaceOldest(): Promise<void> {
    const child = this.#children.shift()
    if (child === undefined) throw new Error('there is no worker to kill')
    this.killedAt.set(child.pid ?? 0, Date.now())
    await end(child)
    await this.add()
  }

  /** Stops the oldest in its tracks, for as long as `meanwhile` takes. */
  async freezeOldest(meanwhile: () => Promise<void>): Promise<void> {
    const child = this.#children[0]
    child?.kill('SIGSTOP')
    try {
      await meanwhile()
    } finally {
      child?.kill('SIGCONT')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.splice(0).map(end))
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
