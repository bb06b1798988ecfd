export interface RabbitOptions {
  /** `amqp://user:password@host:5672/vhost`, or `amqps://…`. */
  readonly url: string
  /** First word of every exchange and queue: one environment. Letters, digits, `_`, `-`. Default `panda`. */
  readonly prefix?: string
  /** How long a publish, or any other call, waits through an outage before it fails with `store_away`, in ms. Default 30 s. */
  readonly waitMs?: number
  /** Publishes that wait or are not confirmed, at most; one more fails at once with `store_away`. Default 20,000. */
  readonly maxBuffered?: number
  /** Bytes of those together, at most. Default 64 MiB. */
  readonly maxBufferedBytes?: number
  /** One event's payload at most, in bytes. Default 8 MiB. */
  readonly maxPayloadBytes?: number
  /** A connection on which nothing comes for two to three of these is given up, in seconds. Default 5. */
  readonly heartbeatSeconds?: number
  /** Limits of the event log; `false`: no log is kept. Default 1 GiB and 7 days. They hold from the log's creation on. */
  readonly log?: { readonly maxBytes?: number; readonly maxAgeSeconds?: number } | false
  /** Events without a subscription kept at most; the oldest go first. Default 50,000. */
  readonly maxUnrouted?: number
  /** How the broker's list of connections names this one. Default `pandastack`. */
  readonly connectionName?: string
}

export type RabbitSettings = Required<Omit<RabbitOptions, 'log'>> & {
  readonly log: { readonly maxBytes: number; readonly maxAgeSeconds: number } | null
}

const mebibyte = 1_048_576

export function settingsOf(options: RabbitOptions): RabbitSettings {
  const log = options.log === false ? null : { maxBytes: 1_024 * mebibyte, maxAgeSeconds: 604_800, ...options.log }
  return {
    url: options.url,
    prefix: options.prefix ?? 'panda',
    waitMs: options.waitMs ?? 30_000,
    maxBuffered: options.maxBuffered ?? 20_000,
    maxBufferedBytes: options.maxBufferedBytes ?? 64 * mebibyte,
    maxPayloadBytes: options.maxPayloadBytes ?? 8 * mebibyte,
    heartbeatSeconds: options.heartbeatSeconds ?? 5,
    log,
    maxUnrouted: options.maxUnrouted ?? 50_000,
    connectionName: options.connectionName ?? 'pandastack',
  }
}
