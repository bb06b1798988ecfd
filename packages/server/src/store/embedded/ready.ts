import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { codeOf, EmbeddedPostgresError, messageOf } from './embedded-error.ts'
import type { Postmaster } from './postmaster.ts'

const pollMs = 10
const connectTimeoutMs = 5_000
/** Without any answer. */
const silentLimitMs = 60_000
/** While it says "starting up": replaying the log after a crash takes as long as it takes. */
const recoveringLimitMs = 600_000

/**
 * Connects until PostgreSQL lets us in and returns the value of one query. Its log is not asked: only a connection
 * proves that a connection is possible.
 *
 * @throws EmbeddedPostgresError `start_failed` after 60 s of silence, 10 minutes of recovery, or at once when refused
 *   for another reason; the exit reason when the server is gone
 */
export async function waitUntilReady(
  url: string,
  options: { postmaster: Pick<Postmaster, 'exited' | 'exitReason'>; signal?: AbortSignal | undefined },
): Promise<{ dataDirectory: string }> {
  const { exited, exitReason } = options.postmaster
  // Raced, because another program that holds the port may accept a connection and never answer.
  const gone = exited.then((reason) => {
    throw startFailed(reason)
  })
  gone.catch(() => undefined)
  const startedAt = performance.now()
  let limitMs = silentLimitMs
  for (;;) {
    options.signal?.throwIfAborted()
    try {
      return await Promise.race([askDataDirectory(url), gone])
    } catch (error) {
      const reason = exitReason()
      if (reason !== undefined) throw startFailed(reason, error)
      const answer = classify(error)
      if (answer === 'refused' || performance.now() - startedAt > limitMs) throw startFailed(messageOf(error), error)
      if (answer === 'recovering') limitMs = recoveringLimitMs
    }
    await delay(pollMs)
  }
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs })
  // Without a listener, a connection that breaks between two calls would end the whole process; the calls reject anyway.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end()
  }
}

async function askDataDirectory(url: string): Promise<{ dataDirectory: string }> {
  const { rows } = await withClient(url, async (client) =>
    client.query<{ folder: string }>(`select current_setting('data_directory') as folder`),
  )
  return { dataDirectory: rows[0]?.folder ?? '' }
}

function classify(error: unknown): 'silent' | 'recovering' | 'refused' {
  const code = codeOf(error)
  if (code === '57P03' || code === '57P01' || code === '57P02') return 'recovering'
  // A server's answer has a five-character SQLSTATE; whatever else went wrong lies below it.
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE' ? 'refused' : 'silent'
}

function startFailed(reason: string, cause?: unknown): EmbeddedPostgresError {
  return new EmbeddedPostgresError('start_failed', `the embedded PostgreSQL did not start: ${reason}`, {
    hint: 'See its log, postgres.log in the panda home, or set DATABASE_URL.',
    cause,
  })
}
