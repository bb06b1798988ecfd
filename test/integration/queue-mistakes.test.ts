/** What a user can do wrong with a queue: each is an error with code, message and hint, and no job is lost by it. */
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { PandaError } from '../../packages/sdk/src/errors.ts'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import type { QueueOptions } from '../../packages/sdk/src/queue/queue.ts'
import type { StandardSchema } from '../../packages/sdk/src/queue/standard-schema.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedis, startRedisServer } from '../support/redis.ts'
import { rewritingProxy } from '../support/rewriting-proxy.ts'

const SECRET = 'not-the-password'

interface Upload {
  readonly fileId: string
}

const schema: StandardSchema<Upload> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof (value as Partial<Upload>).fileId === 'string'
        ? { value: value as Upload }
        : { issues: [{ message: 'must be text', path: ['fileId'] }] },
  },
}

interface Stage {
  readonly right: QueueOptions
  /** The same store, spelled wrong. */
  readonly noUrl: string
  readonly wrongPassword: () => Promise<QueueOptions>
  readonly replica: () => Promise<QueueOptions>
  readonly tooOld: () => Promise<QueueOptions>
}

const toEnd: (() => Promise<unknown>)[] = []
const queues: Queue<Upload>[] = []
afterEach(async () => {
  for (const queue of queues.splice(0)) await queue.close({ grace: 0 })
})
afterAll(async () => {
  for (const end of toEnd.toReversed()) await end()
})

function open(options: QueueOptions): Queue<Upload> {
  const queue = new Queue<Upload>('uploads', options as QueueOptions<Upload>)
  queues.push(queue)
  return queue
}

async function redisStage(): Promise<Stage> {
  const { url, prefix } = await freshRedis()
  return {
    right: { url, namespace: prefix },
    noUrl: 'redis//127.0.0.1',
    wrongPassword: async () => {
      const server = await startRedisServer({ config: { requirepass: 'right' } })
      toEnd.push(() => server.stop())
      return { url: `redis://:${SECRET}@127.0.0.1:${server.port}` }
    },
    replica: async () => {
      const replica = await startRedisServer({ config: { replicaof: `127.0.0.1 ${new URL(url).port}` } })
      toEnd.push(() => replica.stop())
      return { url: replica.url, namespace: prefix, patience: '1s' }
    },
    tooOld: async () => {
      const redis = new Redis(url)
      const version = /redis_version:\S+/.exec(await redis.info('server'))?.[0] ?? ''
      redis.disconnect()
      const proxy = await rewritingProxy(Number(new URL(url).port), version, version.replace(/:\d+/, ':6'))
      toEnd.push(async () => proxy[Symbol.asyncDispose]())
      return { url: `redis://127.0.0.1:${proxy.port}`, namespace: prefix }
    },
  }
}

async function postgresStage(): Promise<Stage> {
  const database = await freshDatabase()
  toEnd.push(() => database.drop())
  const changed = (change: (url: URL) => void): string => {
    const url = new URL(database.url)
    change(url)
    return url.href
  }
  const ask = async (query: string): Promise<string | undefined> => {
    const client = new Client({ connectionString: database.url })
    await client.connect()
    const { rows } = await client.query<[string]>({ text: query, rowMode: 'array' })
    await client.end()
    return rows[0]?.[0]
  }
  return {
    right: { url: database.url },
    noUrl: 'postgres//127.0.0.1/x',
    wrongPassword: () => Promise.resolve({ url: changed((url) => (url.password = SECRET)) }),
    replica: async () => {
      const role = `reader_${database.name.slice(-8)}`
      await ask(`create role ${role} login superuser password 'reader'`)
      await ask(`alter role ${role} set default_transaction_read_only = on`)
      toEnd.push(() => ask(`drop role ${role}`))
      return { url: changed((url) => ((url.username = role), (url.password = 'reader'))) }
    },
    tooOld: async () => {
      const version = (await ask('show server_version_num')) ?? ''
      const proxy = await rewritingProxy(Number(new URL(database.url).port), version, `12${version.slice(2)}`)
      toEnd.push(async () => proxy[Symbol.asyncDispose]())
      return { url: changed((url) => (url.port = String(proxy.port))) }
    },
  }
}

interface Mistake {
  readonly name: string
  readonly code: string
  /** What is named in the message. */
  readonly says: string | RegExp
  readonly make: (stage: Stage) => Promise<unknown>
}

const data = { fileId: 'f' }
const add = async (options: QueueOptions): Promise<unknown> => open(options).add(data)

const MISTAKES: readonly Mistake[] = [
  {
    name: 'a payload over the limit',
    code: 'payload_too_large',
    says: /"uploads" has 2\d{5} bytes of JSON; at most 262144/,
    make: ({ right }) => open(right).add({ fileId: 'x'.repeat(270_000) }),
  },
  {
    name: 'a payload over a limit of one’s own',
    code: 'payload_too_large',
    says: 'at most 10',
    make: ({ right }) => open({ ...right, payloadLimit: 10 }).add(data),
  },
  {
    name: 'data that are not JSON',
    code: 'not_json',
    says: '"uploads"',
    make: ({ right }) => open(right).add({ fileId: (() => 'f') as never }),
  },
  {
    name: 'data that do not fit the schema',
    code: 'invalid_payload',
    says: 'fileId: must be text',
    make: ({ right }) => open({ ...right, schema }).add({ fileId: 7 as never }),
  },
  {
    name: 'an option of a job that is not known',
    code: 'invalid_option',
    says: 'removeOnComplete',
    make: ({ right }) => open(right).add(data, { removeOnComplete: true } as never),
  },
  {
    name: 'an option of a worker that is not known',
    code: 'invalid_option',
    says: 'lockDuration',
    make: async ({ right }) => open(right).process(() => undefined, { lockDuration: 30_000 } as never),
  },
  {
    name: 'no URL',
    code: 'invalid_url',
    says: 'url is not a URL',
    make: async ({ right, noUrl }) => add({ ...right, url: noUrl }),
  },
  {
    name: 'a URL of something else',
    code: 'invalid_url',
    says: 'mysql:',
    make: async ({ right }) => add({ ...right, url: `mysql://root:${SECRET}@127.0.0.1/x` }),
  },
  {
    name: 'nobody at the address',
    code: 'store_away',
    says: '127.0.0.1:1',
    make: async ({ right }) => {
      const url = new URL(right.url ?? '')
      url.port = '1'
      return add({ url: url.href, patience: '1s' })
    },
  },
  {
    name: 'a wrong password',
    code: 'unauthorized',
    says: /password|WRONGPASS/,
    make: async ({ wrongPassword }) => add(await wrongPassword()),
  },
  {
    name: 'a replica that takes no writes',
    code: 'read_only',
    says: /replica|read-only/,
    make: async ({ replica }) => add(await replica()),
  },
  {
    name: 'a server that is too old',
    code: 'unsupported_version',
    says: /version (6|12)/,
    make: async ({ tooOld }) => add(await tooOld()),
  },
]

describe.each([
  ['redis', redisStage],
  ['postgres', postgresStage],
] as const)('on %s', (_name, makeStage) => {
  test.each(MISTAKES)('$name: $code', async ({ code, says, make }) => {
    const stage = await makeStage()
    const kept = await open(stage.right).add(data)
    const failure = await Promise.resolve()
      .then(() => make(stage))
      .then(
        () => new Error('it succeeded'),
        (error: unknown) => error as PandaError,
      )
    expect(failure).toBeInstanceOf(PandaError)
    const { message, hint } = failure as PandaError
    expect(failure).toMatchObject({ code })
    expect(message).toMatch(says)
    expect(hint.length).toBeGreaterThan(10)
    expect(`${message} ${hint}`).not.toContain(SECRET)
    await expectOnlyThat(stage, kept.id)
  })

  test('data that do not fit the schema when they are taken out: the job is dead, kept, and done once they are mended', async () => {
    const { right } = await makeStage()
    const api = open(right)
    const job = await api.add({ fileId: 7 as never })
    const worker = open({ ...right, schema })
    const seen: string[] = []
    worker.process((each) => void seen.push(each.data.fileId))
    const failure = await job.finished({ timeout: '20s' }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'job_failed', cause: { message: expect.stringContaining('must be text') } })
    expect(await job.info()).toMatchObject({ state: 'dead', reason: 'payload', data: { fileId: 7 } })
    expect(seen).toEqual([])
    await api.retry(job.id, { fileId: 'f7' })
    await job.finished({ timeout: '20s' })
    expect(seen).toEqual(['f7'])
  })
})

/** The job that was there before is done by a worker that makes no mistake, and no other one was left behind. */
async function expectOnlyThat({ right }: Stage, id: string): Promise<void> {
  const queue = open({ ...right, patience: '11s' })
  const done: string[] = []
  queue.process((job) => void done.push(job.id))
  await queue.finished(id, { timeout: '20s' })
  const { queued, scheduled, retrying, running, dead } = await queue.counts()
  expect({ queued, scheduled, retrying, running, dead }).toEqual({
    queued: 0,
    scheduled: 0,
    retrying: 0,
    running: 0,
    dead: 0,
  })
  expect(done).toEqual([id])
}
