import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../support/wait-for.ts'
import { testSecretKey } from '../support/server.ts'

export interface ServerProcessOptions {
  /** The panda home; it outlives the process. */
  readonly home: string
  readonly databaseUrl?: string
  /** What else stands in its environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** How a process ended: its code or the signal that killed it. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const program = join(import.meta.dirname, '../../packages/cli/bin/panda.js')
/** On a busy machine a start takes its time; it still has an end. */
const startLimitMs = 60_000
const stopLimitMs = 40_000

/** `panda server` as users start it, from the build, in a process of its own. May be started again after its end. */
export class ServerProcess {
  readonly home: string
  readonly #env: NodeJS.ProcessEnv
  readonly #logFile: string
  #child: ChildProcess | undefined
  #ended: Promise<Ending> = Promise.resolve({ code: 0, signal: null })
  #url: string | undefined
  #asked = false
  /** Ends that nobody has asked for: a crash. */
  readonly crashes: Ending[] = []

  constructor(options: ServerProcessOptions) {
    this.home = options.home
    this.#logFile = join(options.home, 'server.log')
    this.#env = {
      PATH: process.env['PATH'],
      PANDA_HOME: options.home,
      PANDA_PORT: '0',
      PANDA_LOG_FORMAT: 'json',
      PANDA_LOG_LEVEL: process.env['PANDA_LOG_LEVEL'] ?? 'info',
      PANDA_RATE_LIMIT: '0',
      ...(options.databaseUrl !== undefined && {
        DATABASE_URL: options.databaseUrl,
        PANDA_SECRET_KEY: testSecretKey(options.databaseUrl),
      }),
      ...options.env,
    }
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Where it listens; only while it is ready. */
  get url(): string | undefined {
    return this.#url
  }

  /** Spawned and not yet ended. */
  get isAlive(): boolean {
    return this.#child !== undefined
  }

  /** Settles when the process that runs now has ended, however it does. */
  get ended(): Promise<Ending> {
    return this.#ended
  }

  /** @param extra environment for this one start, e.g. a fault point */
  spawn(extra: Readonly<Record<string, string>> = {}): void {
    if (this.#child !== undefined) throw new Error('the server runs already')
    const log = openSync(this.#logFile, 'a')
    const child = spawn(process.execPath, [program, 'server'], {
      stdio: ['ignore', log, log],
      env: { ...this.#env, ...extra },
    })
    closeSync(log)
    const onTestExit = (): void => void child.kill('SIGKILL')
    process.once('exit', onTestExit)
    this.#child = child
    this.#asked = false
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => {
        process.removeListener('exit', onTestExit)
        this.#child = undefined
        this.#url = undefined
        if (!this.#asked) this.crashes.push({ code, signal })
        resolve({ code, signal })
      })
    })
  }

  /** Resolves when `/readyz` says 200; false when the process has ended instead. */
  async ready(): Promise<boolean> {
    const child = this.#child
    if (child === undefined) return false
    const answer = await waitFor(
      `the server to be ready:\n${this.logTail()}`,
      async () => {
        if (this.#child !== child) return 'ended' as const
        const url = this.#readUrl(child.pid)
        return url !== undefined && (await isReady(url)) ? url : undefined
      },
      startLimitMs,
    )
    if (answer === 'ended' || this.#child !== child) return false
    this.#url = answer
    return true
  }

  /** @throws with the end of its log when it does not come up */
  async start(extra: Readonly<Record<string, string>> = {}): Promise<string> {
    this.spawn(extra)
    if (!(await this.ready()) || this.#url === undefined) {
      throw new Error(`the server ended at its start (${JSON.stringify(await this.#ended)}):\n${this.logTail()}`)
    }
    return this.#url
  }

  async kill(): Promise<void> {
    this.#url = undefined
    this.#asked = true
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** SIGTERM. @throws when it does not end in good order */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#asked = true
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs)
    const { code, signal } = await this.#ended
    clearTimeout(timer)
    if (code !== 0) throw new Error(`the server stopped with ${code ?? signal}:\n${this.logTail()}`)
  }

  logTail(lines = 25): string {
    if (!existsSync(this.#logFile)) return '(it has logged nothing)'
    return readFileSync(this.#logFile, 'utf8').split('\n').slice(-lines).join('\n')
  }

  logText(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : ''
  }

  /** An earlier process of the same home has left its own file: only the one with our pid counts. */
  #readUrl(pid: number | undefined): string | undefined {
    const file = join(this.home, 'server.json')
    if (!existsSync(file)) return undefined
    const told = JSON.parse(readFileSync(file, 'utf8')) as { url: string; pid: number }
    return told.pid === pid ? told.url : undefined
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) })
    return status === 200
  } catch {
    // Not listening any more, or hung; the caller has a limit and the server's log.
    return false
  }
}
