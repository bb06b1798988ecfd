import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterEach, expect, it } from 'vitest'
import { freshDatabase } from '../support/postgres.ts'
import { freshVhost } from '../support/rabbitmq.ts'
import { freshRedis } from '../support/redis.ts'
import { waitFor } from '../support/wait-for.ts'

/** The article's third pattern as its example: real processes, real brokers. */

const folder = join(import.meta.dirname, '../../examples/signup-events')

interface App {
  readonly child: ChildProcess
  readonly said: () => string[]
}

/** Where the events are: the same example, with nothing but another variable. */
const BROKERS = {
  RabbitMQ: async () => {
    const vhost = await freshVhost()
    return { env: { RABBITMQ_URL: vhost.url }, remove: async () => vhost.remove() }
  },
  PostgreSQL: async () => {
    const database = await freshDatabase()
    return { env: { DATABASE_URL: database.url }, remove: async () => database.drop() }
  },
  Redis: async () => {
    const { url, prefix } = await freshRedis()
    const env = { REDIS_URL: url, PANDA_EVENTS_NAMESPACE: prefix }
    return { env, remove: async () => undefined }
  },
} satisfies Record<string, () => Promise<Broker>>

interface Broker {
  readonly env: Record<string, string>
  readonly remove: () => Promise<void>
}

let broker: Broker
const children: ChildProcess[] = []

afterEach(async () => {
  for (const child of children.splice(0)) await end(child, 'SIGKILL')
  await broker.remove()
})

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

function run(file: string, args: readonly string[], env: Record<string, string> = {}): App {
  const child = spawn(process.execPath, [file, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', ...broker.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return { child, said: () => output.split('\n').filter((line) => line !== '') }
}

async function startConsumer(name: string): Promise<App> {
  const app = run(`${name}.js`, [], { PANDA_APP: name })
  await waitFor(`${name} to listen`, () => {
    if (app.child.exitCode !== null) throw new Error(`${name} ended: ${app.said().join('\n')}`)
    return app.said().includes('listening')
  })
  return app
}

async function signUp(userId: string, email: string): Promise<void> {
  const producer = run('producer.js', [userId, email])
  const [code] = (await once(producer.child, 'exit')) as [number | null]
  expect(code, producer.said().join('\n')).toBe(0)
}

it.each(Object.entries(BROKERS))(
  'on %s it reaches every system once, copies share, and one that was down gets it later',
  async (_, make) => {
    broker = await make()
    const [email, copy, analytics] = await Promise.all([
      startConsumer('email'),
      startConsumer('email'),
      startConsumer('analytics'),
    ])
    const crm = await startConsumer('crm')
    await signUp('7', 'ada@example.com')
    const heard = (app: App, line: string) => waitFor(line, () => app.said().includes(line))
    await heard(analytics, 'counted the signup of 7')
    await heard(crm, 'made a contact of ada@example.com')
    const mails = () => [...email.said(), ...copy.said()].filter((line) => line.startsWith('mailed'))
    await waitFor('the welcome', () => mails().length > 0)

    await end(crm.child, 'SIGTERM')
    await signUp('8', 'bob@example.com')
    await heard(analytics, 'counted the signup of 8')
    await waitFor('the second welcome', () => mails().length > 1)
    const again = await startConsumer('crm')
    await heard(again, 'made a contact of bob@example.com')
    expect(again.said().filter((line) => line.startsWith('made'))).toEqual(['made a contact of bob@example.com'])
    expect(mails().toSorted()).toEqual(['mailed a welcome to ada@example.com', 'mailed a welcome to bob@example.com'])
  },
)

it('with a database: user and event exist together, and the credit is given once', async () => {
  const [vhost, database] = [await freshVhost(), await freshDatabase()]
  broker = {
    env: { RABBITMQ_URL: vhost.url, DATABASE_URL: database.url },
    remove: async () => {
      await vhost.remove()
      await database.drop()
    },
  }
  const client = new Client({ connectionString: database.url })
  await client.connect()
  try {
    await client.query(
      'create table users (id serial primary key, email text unique); create table credits (user_id text, amount int)',
    )
    await startConsumer('relay')
    await startConsumer('credit')
    expect(await exitOf(run('signup.js', ['ada@example.com']))).toBe(0)
    expect(await exitOf(run('signup.js', ['ada@example.com']))).toBe(1)
    expect(await exitOf(run('signup.js', ['bob@example.com']))).toBe(0)
    const credits = async () => (await client.query<{ email: string }>(CREDITS)).rows.map(({ email }) => email)
    await waitFor('both credits', async () => (await credits()).length > 1, 30_000)
    expect(await credits()).toEqual(['ada@example.com', 'bob@example.com'])
  } finally {
    await client.end()
  }
})

const CREDITS = 'select u.email from credits c join users u on u.id::text = c.user_id order by 1'

async function exitOf({ child }: App): Promise<number | null> {
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}
