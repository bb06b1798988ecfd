import { createHash } from 'node:crypto'
import type { Redis } from './client.ts'

export type ScriptArgument = string | number

/** A Lua script that is sent once and called by its hash from then on; a server that has lost it (restart, failover) gets it again. */
export class Script {
  readonly #source: string
  readonly #sha: string

  constructor(source: string) {
    this.#source = source
    this.#sha = createHash('sha1').update(source).digest('hex')
  }

  async run(redis: Redis, prefix: string, args: readonly ScriptArgument[]): Promise<unknown> {
    try {
      return await redis.call('EVALSHA', [this.#sha, 1, prefix, ...args])
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return redis.call('EVAL', [this.#source, 1, prefix, ...args])
    }
  }
}
