import pg from 'pg'

/**
 * Wake-ups between servers. They only save waiting: whoever listens also polls, since a notification can be lost with
 * its connection.
 * - `panda_schedule`: a next due time has changed
 * - `panda_runs`: a run was queued, cancelled or has ended (payload: its id, or empty for many)
 * - `panda_logs`: a run's log has grown (payload: run id)
 * - `panda_alerts`: an alert event was stored
 * - `panda_apps`: an app or an instance of one has changed (payload: the instance's id, or empty)
 */
export const CHANNELS = ['panda_schedule', 'panda_runs', 'panda_logs', 'panda_alerts', 'panda_apps'] as const
export type ChannelName = (typeof CHANNELS)[number]

export interface Listener {
  /** @returns a function that ends the subscription. */
  on(channel: ChannelName, handler: (payload: string) => void): () => void
  close(): Promise<void>
}

/** First and longest wait between attempts to connect again, in milliseconds. */
const RECONNECT_MIN_MS = 100
const RECONNECT_MAX_MS = 5000

/** One connection for all channels of this process; it reconnects by itself and then wakes every handler once. */
export async function openListener(url: string, onError: (error: Error) => void): Promise<Listener> {
  const handlers = new Map<ChannelName, Set<(payload: string) => void>>(CHANNELS.map((name) => [name, new Set()]))
  let closed = false
  let delayMs = RECONNECT_MIN_MS
  let timer: NodeJS.Timeout | undefined
  let client: pg.Client | undefined

  const wakeAll = (): void => {
    for (const set of handlers.values()) for (const handler of set) handler('')
  }

  async function connect(): Promise<void> {
    const next = new pg.Client({
      connectionString: url,
      application_name: 'pandastack-listen',
      connectionTimeoutMillis: 5000,
      keepAlive: true,
    })
    next.on('notification', ({ channel, payload }) => {
      for (const handler of handlers.get(channel as ChannelName) ?? []) handler(payload ?? '')
    })
    next.on('error', onError)
    next.on('end', () => {
      if (client === next) reconnectLater()
    })
    await next.connect()
    await next.query(CHANNELS.map((name) => `listen ${name}`).join('; '))
    client = next
    delayMs = RECONNECT_MIN_MS
  }

  function reconnectLater(): void {
    client = undefined
    if (closed) return
    timer = setTimeout(() => {
      connect().then(wakeAll, (error: Error) => {
        onError(error)
        reconnectLater()
      })
    }, delayMs)
    delayMs = Math.min(delayMs * 2, RECONNECT_MAX_MS)
  }

  await connect()
  return {
    on(channel, handler) {
      handlers.get(channel)?.add(handler)
      return () => handlers.get(channel)?.delete(handler)
    },
    async close() {
      closed = true
      clearTimeout(timer)
      const last = client
      client = undefined
      await last?.end()
    },
  }
}
