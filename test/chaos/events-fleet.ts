import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { waitFor } from '../support/wait-for.ts'

/** One place in which a process runs; the next one comes when it is killed. */
export class Post implements AsyncDisposable {
  readonly #script: string
  readonly #config: string
  #child: ChildProcess | null = null
  #said = ''

  constructor(script: string, config: object) {
    this.#script = join(import.meta.dirname, script)
    this.#config = JSON.stringify(config)
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [this.#script, this.#config], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#said = ''
    child.stdout.on('data', (chunk: Buffer) => (this.#said += chunk.toString()))
    this.#child = child
    await waitFor(`${this.#script} to be ready`, () => this.#ended() || this.#said.includes('ready'), 60_000)
  }

  /** True when it has come to its end by itself. @throws when it has failed */
  hasFinished(): boolean {
    const code = this.#child?.exitCode ?? null
    if (code !== null && code !== 0) throw new Error(`${this.#script} ended with code ${code}`)
    return code === 0
  }

  /** SIGKILLs it and starts another one in its place. @returns false when it had finished before */
  async replace(): Promise<boolean> {
    if (this.hasFinished()) return false
    await this.#kill()
    await this.start()
    return true
  }

  /** What it answers to SIGUSR2, as a number behind `word`. */
  async ask(word: string): Promise<number> {
    this.#child?.kill('SIGUSR2')
    return waitFor(`${this.#script} to tell ${word}`, () => {
      const found = new RegExp(`^${word} (\\d+)$`, 'm').exec(this.#said)?.[1]
      return found === undefined ? undefined : Number(found)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child !== null && !this.#ended()) await this.#kill()
  }

  #ended(): boolean {
    return this.#child?.exitCode !== null || this.#child.signalCode !== null
  }

  async #kill(): Promise<void> {
    const exited = this.#child === null ? null : once(this.#child, 'exit')
    this.#child?.kill('SIGKILL')
    await exited
  }
}
