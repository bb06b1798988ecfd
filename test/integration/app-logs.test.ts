import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { AppDetail, AppLogLine } from '../../packages/contract/src/index.ts'
import { runInProcess } from '../support/cli-io.ts'
import { freePort } from '../support/free-port.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'

/** The logs of all instances of an app together, followed over cuts and restarts, on the fake runtime. */

interface Event {
  readonly event: string
  readonly id: string
  readonly data: AppLogLine
}

const LINES = 60
const EACH = Array.from({ length: LINES }, (_, index) => `tick ${index + 1}`)

/** `tick 1` … of each instance, spread over the time, and then nothing for ever. */
const ticking = (lines: number, overMs: number) => ({
  image: 'your-org/api:1',
  command: ['named', 'tick', 'log', String(lines), 'after', `${overMs}ms`],
})

async function* followed(server: TestServer, path: string, lastEventId?: string): AsyncGenerator<Event> {
  const stop = new AbortController()
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  const response = await server.api.fetch('GET', path, undefined, { headers, signal: stop.signal })
  if (response.status !== 200 || response.body === null) throw new Error(`status ${response.status}`)
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const chunk of response.body) {
      text += decoder.decode(chunk, { stream: true })
      const parts = text.split('\n\n')
      text = parts.pop() ?? ''
      for (const part of parts) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1] ?? ''
        if (field('event') !== '') {
          yield { event: field('event'), id: field('id'), data: JSON.parse(field('data')) as AppLogLine }
        }
      }
    }
  } finally {
    stop.abort()
  }
}

function byInstance(lines: readonly AppLogLine[]): Map<string, string[]> {
  const texts = new Map<string, string[]>()
  for (const { instance, text } of lines) texts.set(instance, [...(texts.get(instance) ?? []), text])
  return texts
}

describe('GET /v1/apps/:name/logs?follow=true', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startTestServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  it('goes on behind each Last-Event-ID in the logs of all instances: nothing twice, nothing left out', async () => {
    await server.api.ok('POST', '/v1/apps/cut/deploys', { ...ticking(LINES, 4000), replicas: 3 })
    const path = '/v1/apps/cut/logs?follow=true&tail=0'
    const seen: AppLogLine[] = []
    let last: string | undefined
    let cuts = 0
    const wanted = 3 * LINES
    while (seen.length < wanted) {
      let left = 1 + (cuts % 7)
      for await (const { event, id, data } of followed(server, path, last)) {
        last = id
        if (event === 'log' && data.stream === 'stdout' && data.attempt === 1) seen.push(data)
        left -= 1
        if (left <= 0 || seen.length >= wanted) break
      }
      cuts += 1
    }
    expect(cuts).toBeGreaterThan(20)
    const texts = byInstance(seen)
    expect(texts.size).toBe(3)
    for (const [instance, of] of texts) expect(of, instance).toEqual(EACH)
  })

  it('begins with a position, so that even who has seen no line goes on without a gap', async () => {
    await server.api.ok('POST', '/v1/apps/quiet/deploys', { image: 'x', command: ['print', 'first', 'forever'] })
    await vi.waitUntil(async () => (await tail(server, 'quiet')).length === 1, { timeout: 20_000 })
    const path = '/v1/apps/quiet/logs?follow=true&tail=0'
    let id = ''
    for await (const event of followed(server, path)) {
      expect(event).toMatchObject({ event: 'position', data: {} })
      id = event.id
      break
    }
    // A new instance writes while nobody follows.
    await server.api.ok('POST', '/v1/apps/quiet/scale', { replicas: 2 })
    await vi.waitUntil(async () => (await tail(server, 'quiet')).length === 2, { timeout: 20_000 })
    for await (const { event, data } of followed(server, path, id)) {
      expect([event, data.text, data.line]).toEqual(['log', 'first', 1])
      break
    }
  })

  it('gives the tail once, and then what comes', async () => {
    await server.api.ok('POST', '/v1/apps/tail/deploys', { ...ticking(20, 1500), replicas: 2 })
    await vi.waitUntil(async () => (await tail(server, 'tail')).length >= 10, { timeout: 20_000 })
    const seen: string[] = []
    let last: string | undefined
    for (const count of [2, 3, 2]) {
      let left = count
      for await (const { event, id, data } of followed(server, '/v1/apps/tail/logs?follow=true&tail=5', last)) {
        last = id
        if (event === 'log') {
          seen.push(`${data.instance} ${data.line}`)
          left -= 1
        }
        if (left === 0) break
      }
    }
    expect(new Set(seen).size).toBe(7)
    for (const instance of new Set(seen.map((one) => one.split(' ')[0]))) {
      const lines = seen.filter((one) => one.startsWith(`${instance} `)).map((one) => Number(one.split(' ')[1]))
      expect(lines).toEqual(lines.map((_, index) => (lines[0] ?? 0) + index))
    }
  })

  it('refuses an id that is none', async () => {
    const options = { headers: { 'last-event-id': '17' } }
    const reply = await server.api.call('GET', '/v1/apps/tail/logs?follow=true', undefined, options)
    expect(reply).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: 'last-event-id' }] } })
  })
})

const tail = async ({ api }: TestServer, name: string) =>
  (await api.ok<{ items: AppLogLine[] }>('GET', `/v1/apps/${name}/logs`)).items

describe('panda app logs --follow', () => {
  let database: MigratedDatabase
  let fake: TempDir
  const servers: TestServer[] = []
  beforeAll(async () => {
    database = await migratedDatabase()
    fake = await tempDir('fake')
  })
  afterAll(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
    await fake.remove()
  })

  async function start(port: number): Promise<TestServer> {
    const server = await startTestServer({ databaseUrl: database.url, config: { port, fakeDir: fake.path } })
    servers.push(server)
    return server
  }

  it('outlives a restart of the server: each line of each instance once', async () => {
    const port = await freePort()
    const first = await start(port)
    await first.api.ok('POST', '/v1/apps/ticker/deploys', { ...ticking(LINES, 12_000), replicas: 2 })
    await vi.waitUntil(async () => (await first.api.ok<AppDetail>('GET', '/v1/apps/ticker')).instances.length === 2)
    const { token } = await first.clientWith(['read'])
    let interrupt: () => void = () => undefined
    let shown = ''
    let restarted: Promise<TestServer> | undefined
    const { code, stdout } = await runInProcess(['app', 'logs', 'ticker', '--follow', '-o', 'json'], {
      env: { PANDA_URL: first.url, PANDA_TOKEN: token ?? '' },
      onStart: (stop) => (interrupt = stop),
      onOutput: (text) => {
        shown += text
        const ticks = shown.split('\n').filter((line) => line.includes('"text":"tick ') && line.includes('"attempt":1'))
        if (ticks.length > 20) restarted ??= first.stop().then(() => start(port))
        if (ticks.length >= 2 * LINES) interrupt()
      },
    })
    expect(code).toBe(130)
    expect(restarted).toBeDefined()
    await restarted
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AppLogLine)
    const texts = byInstance(lines.filter(({ stream, attempt }) => stream === 'stdout' && attempt === 1))
    expect(texts.size).toBe(2)
    for (const [instance, of] of texts) expect(of, instance).toEqual(EACH)
  })
})
