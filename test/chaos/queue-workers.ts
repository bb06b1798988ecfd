import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { QueueLogs } from './queue-logs.ts'

export interface WorkerPlan {
  readonly url: string
  readonly logs: QueueLogs
  /** A module that exports `work`, see queue-worker.mjs. */
  readonly module: string
  readonly concurrency: number
  /** A handler takes from the first to the second. */
  readonly handlerMs: readonly [number, number]
  /** Beside this process's own. */
  readonly env?: Readonly<Record<string, string>>
}

/** Worker processes that are killed and replaced, or stopped for a while. One that ends by itself is started again. */
export class QueueWorkers implements AsyncDisposable {
  readonly #plan: WorkerPlan
  readonly #children: ChildProcess[] = []
  /** Starts in place of those that ended by themselves. */
  readonly #restarts: Promise<void>[] = []

  constructor(plan: WorkerPlan) {
    this.#plan = plan
  }

  async add(): Promise<void> {
    const { url, logs, module, concurrency, handlerMs, env } = this.#plan
    const plan = JSON.stringify({ url, starts: logs.starts, effects: logs.effects, module, concurrency, handlerMs })
    const child = spawn(process.execPath, [join(import.meta.dirname, 'queue-worker.mjs'), plan], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    })
    this.#children.push(child)
    const { exitCode } = await readyOrEnded(child)
    // Killed by a fault meanwhile, it has been replaced.
    if (exitCode !== null) throw new Error(`a worker ended with code ${exitCode} before it was ready`)
    child.once('exit', () => this.#ended(child))
  }

  /** SIGKILLs one and starts another one in its place. @param whom 0 to 1 */
  async replace(whom: number): Promise<void> {
    const child = this.#choose(whom)
    this.#children.splice(this.#children.indexOf(child), 1)
    const from = Date.now()
    await end(child)
    this.#plan.logs.silence('killed', child.pid ?? 0, from, Date.now())
    await this.add()
  }

  /** Stops one in its tracks for so long. @param whom 0 to 1 */
  async freeze(whom: number, ms: number): Promise<void> {
    const child = this.#choose(whom)
    const from = Date.now()
    child.kill('SIGSTOP')
    try {
      await delay(ms)
    } finally {
      child.kill('SIGCONT')
      this.#plan.logs.silence('frozen', child.pid ?? 0, from, Date.now())
    }
  }

  /** By a fault of ours it is no longer among the children. */
  #ended(child: ChildProcess): void {
    const place = this.#children.indexOf(child)
    if (place === -1) return
    this.#children.splice(place, 1)
    process.stderr.write(`a worker ended by itself, code ${child.exitCode}, signal ${child.signalCode}\n`)
    this.#plan.logs.silence('ended', child.pid ?? 0, Date.now(), Date.now())
    this.#restarts.push(this.add())
  }

  #choose(whom: number): ChildProcess {
    const child = this.#children[Math.floor(whom * this.#children.length)]
    if (child === undefined) throw new Error('there is no worker left to strike')
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.splice(0).map(end))
    await Promise.all(this.#restarts)
  }
}

async function readyOrEnded(child: ChildProcessByStdio<null, Readable, null>): Promise<ChildProcess> {
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
