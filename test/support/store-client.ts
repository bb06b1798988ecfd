import pg from 'pg'
import { Events } from '../../packages/sdk/src/events/index.ts'
import { Queue } from '../../packages/sdk/src/queue/index.ts'

/**
 * What runs in a container (or as a process) to see which store it can use. One answer per line on stdout, as JSON.
 *
 * `given`: its DATABASE_URL; `place`: where that is. `work`: adds a job and publishes an event, and handles both, by the SDK as it is.
 * `try URL…`: connects to each and tells who it is there, or the code of the refusal. `watch`: asks for ever.
 */
async function main([what, ...urls]: readonly string[]): Promise<void> {
  if (what === 'given') return tell({ given: process.env['DATABASE_URL'] ?? null })
  if (what === 'place') return tell({ place: placeOf(process.env['DATABASE_URL'] ?? '') })
  if (what === 'work') return work()
  if (what === 'watch') return watch()
  for (const url of urls) tell(await attempt(url.replace('$DATABASE_URL', process.env['DATABASE_URL'] ?? '')))
}

/** Without what must not be in a log. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url)
  return host + pathname
}

async function work(): Promise<void> {
  const queue = new Queue<{ n: number }>('greetings')
  const events = new Events({ source: 'greeter' })
  const job = new Promise<number>((resolve) => queue.process(async ({ data }) => resolve(data.n)))
  const event = new Promise<unknown>((resolve) => {
    void events.subscribe('user.signed_up', { subscription: 'greeter' }, async (payload) => resolve(payload))
  })
  await queue.add({ n: 7 })
  const publishing = setInterval(() => void events.publish('user.signed_up', { userId: 'u1' }), 300)
  tell({ job: await job, event: await event })
  clearInterval(publishing)
  await Promise.all([queue.close(), events.close()])
}

async function watch(): Promise<never> {
  const url = process.env['DATABASE_URL'] ?? ''
  for (;;) {
    tell(await attempt(url))
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function attempt(url: string): Promise<object> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ me: string; super: boolean }>(
      `select current_user || '@' || current_database() as me, rolsuper as super from pg_roles where rolname = current_user`,
    )
    return { ok: rows[0]?.me, super: rows[0]?.super }
  } catch (error) {
    return { refused: error instanceof Error && 'code' in error ? error.code : String(error) }
  } finally {
    await client.end().catch(() => undefined)
  }
}

function tell(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

void main(process.argv.slice(2))
