/** Jobs that kill their worker, by real processes on real stores. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Queue } from '../../packages/sdk/src/queue/queue.ts'
import type { QueueOptions } from '../../packages/sdk/src/queue/queue.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedis } from '../support/redis.ts'

expectNoChildProcesses()

const program = fileURLToPath(new URL('../support/poisoned-worker.ts', import.meta.url))
const INNOCENT = 200
const CONCURRENCY = 20

const STORES: Readonly<Record<string, () => Promise<{ options: QueueOptions; drop: () => Promise<void> }>>> = {
  redis: async () => {
    const { url, prefix } = await freshRedis()
    return { options: { url, namespace: prefix }, drop: () => Promise.resolve() }
  },
  postgres: async () => {
    const database = await freshDatabase()
    return { options: { url: database.url }, drop: () => database.drop() }
  },
}

async function openStore(name: string): Promise<{ options: QueueOptions; drop: () => Promise<void> }> {
  const open = STORES[name]
  if (open === undefined) throw new Error(`no store ${name}`)
  return open()
}

/** Starts the worker again whenever it is killed, as a supervisor does. */
class Supervisor implements AsyncDisposable {
  readonly lines: string[] = []
  deaths = 0
  #child: ChildProcess
  #stopped = false
  readonly #args: readonly string[]

  constructor(args: readonly string[]) {
    this.#args = args
    this.#child = this.#start()
  }

  #start(): ChildProcess {
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let rest = ''
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString('utf8')).split('\n')
      rest = lines.pop() ?? ''
      this.lines.push(...lines)
    })
    child.once('exit', (_code, signal) => {
      if (signal === 'SIGKILL') this.deaths += 1
      if (!this.#stopped) this.#child = this.#start()
    })
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await gone
  }
}

test.each<[string, number[]]>([
  ['redis', [7, 30, 31]],
  ['postgres', [30]],
])(
  '%s: of jobs %j, which kill their worker, and 200 others, twenty at a time, only the killers become dead letters',
  { timeout: 240_000 },
  async (name, killers) => {
    const { options, drop } = await openStore(name)
    const queue = new Queue<{ n: number; poison: boolean }, number>('poisoned', options as object)
    try {
      const all = await queue.addBulk(
        Array.from({ length: INNOCENT + killers.length }, (_, n) => ({ data: { n, poison: killers.includes(n) } })),
      )
      await using supervisor = new Supervisor(['poisoned', JSON.stringify(options), String(CONCURRENCY)])
      const ends = await Promise.allSettled(all.map((job) => job.finished({ timeout: '3m' })))
      const failed = ends.flatMap((end, n) => (end.status === 'rejected' ? [n] : []))
      expect(failed).toEqual(killers)
      ends.forEach((end, n) =>
        expect(end).toMatchObject(killers.includes(n) ? { reason: { code: 'job_failed' } } : { value: n }),
      )
      const { totals, counts } = await queue.stats()
      expect(totals).toMatchObject({ added: all.length, succeeded: INNOCENT, dead: killers.length, failed: 0 })
      expect(counts).toMatchObject({ queued: 0, running: 0, dead: killers.length })
      const { jobs } = await queue.list({ state: 'dead' })
      expect(jobs.map((job) => [job.reason, job.crashes])).toEqual(killers.map(() => ['crashes', 3]))
      // Each killer alone the third time; what ran beside it before starts once more per death at most.
      expect(supervisor.deaths).toBeLessThanOrEqual(3 * killers.length)
      const starts = supervisor.lines.filter((line) => line.startsWith('start')).length
      expect(starts).toBeLessThanOrEqual(all.length + supervisor.deaths * CONCURRENCY)
    } finally {
      await queue.close({ grace: 0 })
      await drop()
    }
  },
)
