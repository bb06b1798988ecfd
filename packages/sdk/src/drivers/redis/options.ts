export interface RedisQueueOptions {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://…` for TLS. */
  readonly url: string
  /** Begins all keys: letters, digits, `-`, `_`, `.`, `:`. Default `panda`. */
  readonly prefix?: string
  /** How long a call waits for a store that is away, in ms, before it fails with `store_away`. Default 10,000. */
  readonly patienceMs?: number
  /** A connection on which nothing has come back for so long, in ms, is thrown away and replaced. Default 2,000. */
  readonly stallMs?: number
}

export interface RedisSettings {
  readonly url: string
  readonly prefix: string
  readonly patienceMs: number
  readonly stallMs: number
}
