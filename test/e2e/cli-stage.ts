import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cronjob, Run } from '@pandastack/contract'
import { Client } from '../support/api-client.ts'
import { type RedisServer, startRedisServer } from '../support/redis.ts'
import { waitFor } from '../support/wait-for.ts'
import { AppStage } from './app-stage.ts'
import { EventStage } from './event-stage.ts'
import type { World } from './world.ts'

/** What the examples of the commands take for granted: their cronjobs, alerts, files and logins, put back before each. */
export class Stage {
  readonly #world: World
  readonly #api: Client
  readonly #url: string
  /** The store of the project's queues. */
  readonly #redis: RedisServer
  readonly #events: EventStage
  readonly #apps: AppStage
  /** The run that RUN stands for; it has ended. */
  #endedRun = ''

  private constructor(world: World, url: string, token: string, redis: RedisServer, events: EventStage) {
    this.#world = world
    this.#url = url
    this.#api = new Client(url, token)
    this.#redis = redis
    this.#events = events
    this.#apps = new AppStage(world, this.#api)
  }

  async close(): Promise<void> {
    await this.#apps.delete()
    await this.#redis.stop()
    await this.#events[Symbol.asyncDispose]()
  }

  static async set(world: World): Promise<Stage> {
    const { path } = world.home
    const { url } = JSON.parse(await readFile(join(path, 'server.json'), 'utf8')) as { url: string }
    const token = (await readFile(join(path, 'token'), 'utf8')).trim()
    const redis = await startRedisServer()
    const stage = new Stage(world, url, token, redis, await EventStage.set())
    const files = {
      '.env': 'LOG_LEVEL=debug\n',
      'token.txt': `${token}\n`,
      'key.txt': 'a-key-of-the-stage\n',
      'my-crontab': '0 3 * * * /usr/bin/backup --all\n',
      'cronjobs.yaml': K8S_CRONJOB,
      'events.mjs': eventTypesFile(),
      'events-before.mjs': eventTypesFile(),
      'panda-events.lock.json': '{"lockVersion":1,"events":{}}\n',
      'mended.json': '{"userId":7,"email":"a@example.com"}\n',
      'subscriptions.yaml': 'subscriptions:\n  email-service: { patterns: [user.signed_up] }\n',
      'panda.yaml': `cronjobs:\n  nightly:\n    image: ${world.image}\n    schedule: '0 3 * * *'\n`,
    }
    for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
    return stage
  }

  /** The example with what stands for something in it replaced. */
  async resolve(line: string): Promise<string> {
    const run = /\bRUN\b/.test(line) ? await this.#runFor(line) : ''
    const job = /\bJOB\b/.test(line) ? await this.#jobFor(line) : ''
    const letter = /\bLETTER\b/.test(line) ? await this.#events.deadLetter() : ''
    return (await this.#apps.resolve(line))
      .replaceAll('amqp://localhost:5672', this.#events.url)
      .replaceAll(/\bLETTER\b/g, letter)
      .replaceAll('https://panda.example.com', this.#url)
      .replaceAll('redis://localhost:6379', this.#redis.url)
      .replaceAll(/\bRUN\b/g, run)
      .replaceAll(/\bJOB\b/g, job)
  }

  /** Puts everything back that an example may have deleted, changed or made. */
  async reset(line: string): Promise<void> {
    await this.#writeLogins()
    await this.#cronjob('weekly-digest', line)
    await this.#cronjob('cleanup', line)
    for (const name of ['shop', 'staging']) await this.#thing('projects', name, line, { name })
    for (const name of ['ops', 'late-mail']) {
      const channel = { kind: 'webhook', url: 'https://example.com/hook' }
      await this.#thing('alerts', name, line, { name, channel })
    }
    await this.#tokens(line)
    for (const name of ['LOG_LEVEL', 'REGION']) await this.#api.ok('PUT', `/v1/env/${name}`, { value: 'x' })
    await this.#api.ok('PUT', '/v1/secrets/MAIL_API_KEY', { value: 'x' })
    if (line.startsWith('panda queue')) {
      await this.#api.ok('PUT', '/v1/env/REDIS_URL', { value: this.#redis.url })
      await this.#api.ok('POST', '/v1/queues/uploads/jobs', { data: { fileId: 6 } })
    }
    if (AppStage.isAbout(line)) await this.#apps.reset(line)
    if (EventStage.isAbout(line)) {
      await this.#api.ok('PUT', '/v1/env/RABBITMQ_URL', { value: this.#events.url })
      await this.#events.reset()
    }
    if (!line.includes(' create ')) {
      await this.#api.ok('PUT', '/v1/secrets/MAIL_API_KEY', { value: 'x', cronjob: 'weekly-digest' })
    }
    // The newest run of the cronjob: still going where one is to be stopped, else ended.
    if (line === 'panda run cancel weekly-digest') await this.#longRun()
    else if (line.startsWith('panda run ') && line.includes('weekly-digest')) await this.#freshRun()
  }

  async #writeLogins(): Promise<void> {
    const login = { url: this.#url, token: this.#api.token }
    const config = { current: 'staging', contexts: { prod: login, staging: login } }
    await writeFile(join(this.#world.home.path, 'cli.json'), JSON.stringify(config))
  }

  async #cronjob(name: string, line: string): Promise<void> {
    const path = `/v1/cronjobs/${name}`
    const { status, body } = await this.#api.call<Cronjob>('GET', path)
    if (status === 200 && (line.includes('cronjob create') || body.image !== this.#world.image)) {
      await this.#api.ok('DELETE', path)
    } else if (status === 200) return
    if (line.includes('cronjob create')) return
    await this.#api.ok('POST', '/v1/cronjobs', {
      name,
      image: this.#world.image,
      schedule: '0 8 * * 1',
      concurrency: 'allow',
      pull: 'missing',
      command: ['sh', '-c', 'echo out; echo err >&2'],
    })
  }

  async #thing(kind: 'projects' | 'alerts', name: string, line: string, body: unknown): Promise<void> {
    await this.#api.call('DELETE', `/v1/${kind}/${name}`)
    const making = line.includes(`panda ${kind.slice(0, -1)} create`)
    if (!making) await this.#api.ok('POST', `/v1/${kind}`, body)
  }

  async #tokens(line: string): Promise<void> {
    const { items } = await this.#api.ok<{ items: { id: string; name: string }[] }>('GET', '/v1/tokens')
    for (const { id, name } of items) {
      if (name === 'ci' || name === 'dashboard') await this.#api.ok('DELETE', `/v1/tokens/${id}`)
    }
    if (line.includes('token create')) return
    for (const name of ['ci', 'dashboard']) await this.#api.ok('POST', '/v1/tokens', { name, scopes: ['read'] })
  }

  async #runFor(line: string): Promise<string> {
    if (line.includes('run cancel')) return this.#longRun()
    const { status } = await this.#api.call('GET', `/v1/runs/${this.#endedRun}`)
    if (status !== 200) this.#endedRun = await this.#freshRun()
    return this.#endedRun
  }

  /** A job of the queue `uploads` that waits, or for a retry one that has ended. */
  async #jobFor(line: string): Promise<string> {
    const { id } = await this.#api.ok<{ id: string }>('POST', '/v1/queues/uploads/jobs', { data: { fileId: 6 } })
    if (line.includes('queue retry')) await this.#api.ok('POST', `/v1/queues/uploads/jobs/${id}/cancel`, {})
    return id
  }

  async #longRun(): Promise<string> {
    const { id } = await this.#api.ok<Run>('POST', '/v1/cronjobs/weekly-digest/runs', { command: ['sleep', '600'] })
    return id
  }

  async #freshRun(): Promise<string> {
    const { id } = await this.#api.ok<Run>('POST', '/v1/cronjobs/weekly-digest/runs', {})
    await waitFor(
      'the run to end',
      async () => (await this.#api.ok<Run>('GET', `/v1/runs/${id}`)).finishedAt !== null,
      60_000,
    )
    return id
  }
}

/** As an application has it, but found from anywhere. */
function eventTypesFile(): string {
  const root = join(import.meta.dirname, '../..')
  const [sdk, zod] = [join(root, 'packages/sdk/dist/events/index.js'), join(root, 'node_modules/zod/index.js')]
  return `import { defineEvents } from '${sdk}'
import { z } from '${zod}'
export const types = defineEvents({ 'user.signed_up': z.object({ userId: z.string() }) })
`
}

const K8S_CRONJOB = `apiVersion: batch/v1
kind: CronJob
metadata:
  name: hello
spec:
  schedule: '*/30 * * * *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: hello
              image: busybox:1.36
              command: [sh, -c, date]
`
