import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LogLine, Run, RunDetail } from '../../packages/contract/src/index.ts'
import { readEvents, type SeenEvent } from '../support/read-events.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

let server: TestServer
let count = 0
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server[Symbol.asyncDispose]())

type List<T> = { items: T[]; nextCursor: string | null }
type LogPage = { items: LogLine[]; nextAfter: number | null }

/** Starts a run by hand that does what the fake runtime's words say. */
async function startRun(...command: string[]): Promise<RunDetail> {
  const name = `job-${++count}`
  await server.api.ok('POST', '/v1/cronjobs', {
    name,
    image: 'ok',
    schedule: '0 0 1 1 *',
    command: command.length > 0 ? command : null,
    concurrency: 'allow',
  })
  return server.api.ok<RunDetail>('POST', `/v1/cronjobs/${name}/runs`)
}

const getRun = (id: string) => server.api.ok<RunDetail>('GET', `/v1/runs/${id}`)
const until = (id: string, state: string) =>
  waitFor(`${id} to be ${state}`, async () => {
    const run = await getRun(id)
    return run.state === state ? run : false
  })

async function collect(events: AsyncGenerator<SeenEvent>, stopAfter = Infinity): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = []
  for await (const event of events) {
    seen.push(event)
    if (seen.length >= stopAfter) break
  }
  return seen
}

describe('a token that may only run', () => {
  it('starts what others wrote, and no program of its own', async () => {
    const mine = await server.clientWith(['run', 'read'])
    const { id, cronjob } = await startRun('exit', '0')
    const start = `/v1/cronjobs/${cronjob}/runs`
    for (const body of [{ command: ['x'] }, { entrypoint: ['x'] }, { env: { A: '1' } }, { concurrency: 'replace' }]) {
      const reply = await mine.call('POST', start, body)
      expect(reply, JSON.stringify(body)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    }
    const replay = await mine.call('POST', `/v1/runs/${id}/replay`, { as: 'now', command: ['x'] })
    expect(replay).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect((await mine.call('POST', start)).status).toBe(201)
    expect((await mine.call('POST', `/v1/runs/${id}/replay`, { as: 'now' })).status).toBe(201)
    const writer = await server.clientWith(['run', 'write'])
    expect((await writer.call('POST', start, { command: ['exit', '0'] })).status).toBe(201)
  })
})

describe('runs', () => {
  it('are started by hand, run, and tell how they ended and who started them', async () => {
    const started = await startRun('print', 'hello', 'exit', '3')
    expect(started).toMatchObject({ trigger: 'manual', who: 'local' })
    const ended = await until(started.id, 'failed')
    expect(ended).toMatchObject({
      exitCode: 3,
      reason: 'exit-code',
      attempts: [{ number: 1, outcome: 'failed', exitCode: 3 }],
    })
    const failed = await server.api.ok<List<Run>>('GET', '/v1/runs?state=failed')
    expect(failed.items.map((run) => run.id)).toContain(started.id)
    const log = await waitFor('the log', async () => {
      const page = await server.api.ok<LogPage>('GET', `/v1/runs/${started.id}/logs`)
      return page.items.length > 0 ? page : false
    })
    expect(log.items).toMatchObject([{ line: 1, attempt: 1, stream: 'stdout', text: 'hello' }])
  })

  it('are cancelled and replayed', async () => {
    const started = await startRun('forever')
    await until(started.id, 'running')
    expect((await server.api.call('POST', `/v1/runs/${started.id}/cancel`)).status).toBe(202)
    expect(await until(started.id, 'cancelled')).toMatchObject({ reason: 'by-hand' })
    const metrics = await (await server.api.fetch('GET', '/metrics')).text()
    expect(metrics).toContain('panda_runs_total{trigger="manual",outcome="cancelled"} 1')
    expect(metrics).toContain('panda_run_duration_seconds_count{outcome="cancelled"} 1')
    expect(await server.api.call('POST', `/v1/runs/${started.id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'run_finished' },
    })
    const again = await server.api.call<RunDetail>('POST', `/v1/runs/${started.id}/replay`, { as: 'it-was' })
    expect(again).toMatchObject({ status: 201, body: { trigger: 'replay', replayOf: started.id } })
    expect(again.headers.get('location')).toBe(`/v1/runs/${again.body.id}`)
    await server.api.ok('POST', `/v1/runs/${again.body.id}/cancel`)
    await until(again.body.id, 'cancelled')
  })

  it('come in pages, the newest first, without gap or double', async () => {
    const made: string[] = []
    for (let n = 0; n < 5; n++) made.unshift((await startRun()).id)
    const seen: string[] = []
    let cursor: string | null = null
    for (let page = 0; page < 3; page++) {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`
      const { items, nextCursor } = await server.api.ok<List<Run>>('GET', `/v1/runs?limit=2${query}`)
      seen.push(...items.map((run) => run.id))
      cursor = nextCursor
    }
    expect(seen.slice(0, 5)).toEqual(made)
  })

  it('get the variables and secrets of their project, and their logs show no secret', async () => {
    await server.api.ok('PUT', '/v1/secrets/API_KEY', { value: 'hunter2-hunter2' })
    const run = await startRun('print', 'the key is hunter2-hunter2')
    await until(run.id, 'succeeded')
    const events = await collect(readEvents(await server.api.fetch('GET', `/v1/runs/${run.id}/logs?follow=true`)))
    expect(events.map((event) => event.event)).toEqual(['log', 'end'])
    expect(events[0]?.data).toMatchObject({ text: 'the key is [redacted]' })
    expect(server.logText()).not.toContain('hunter2')
  })
})

describe('a followed log', () => {
  it('ends with the run, and goes on behind Last-Event-ID without gap or double', async () => {
    const run = await startRun('log', '200', 'after', '3s')
    const path = `/v1/runs/${run.id}/logs?follow=true`
    const texts: string[] = []
    let last: string | null = null
    // The client is cut off again and again.
    for (const cutAfter of [7, 1, 50, Infinity]) {
      const abort = new AbortController()
      const headers: Record<string, string> = last === null ? {} : { 'last-event-id': last }
      const response = await server.api.fetch('GET', path, undefined, { headers, signal: abort.signal })
      expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
      for (const event of await collect(readEvents(response), cutAfter)) {
        if (event.event === 'end') {
          expect(event.data).toMatchObject({ id: run.id, state: 'succeeded', exitCode: 0 })
          continue
        }
        const line = event.data as LogLine
        expect(event.id).toBe(String(line.line))
        texts.push(line.text)
        last = event.id
      }
      abort.abort()
    }
    expect(texts).toEqual(Array.from({ length: 200 }, (_, n) => `out ${n + 1}`))
  })

  it('begins where the client wants', async () => {
    const run = await startRun('log', '20')
    await until(run.id, 'succeeded')
    await waitFor(
      'the log',
      async () => (await server.api.ok<LogPage>('GET', `/v1/runs/${run.id}/logs`)).items.length === 20,
    )
    const follow = async (query: string) =>
      (await collect(readEvents(await server.api.fetch('GET', `/v1/runs/${run.id}/logs?follow=true&${query}`))))
        .filter((event) => event.event === 'log')
        .map((event) => Number(event.id))
    expect(await follow('tail=3')).toEqual([18, 19, 20])
    expect(await follow('tail=0')).toEqual([])
    expect(await follow('after=17')).toEqual([18, 19, 20])
    expect(await follow('stream=stderr')).toEqual([])
    expect(await follow('since=2001-01-01T00:00:00Z')).toHaveLength(20)
    expect(await follow('since=2999-01-01T00:00:00Z')).toEqual([])
  })

  it('refuses an id that is none', async () => {
    const run = await startRun()
    const reply = await server.api.call('GET', `/v1/runs/${run.id}/logs?follow=true`, undefined, {
      headers: { 'last-event-id': 'x' },
    })
    expect(reply).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
  })

  it('ends within seconds when its token is revoked', async () => {
    const run = await startRun('forever')
    const { id, token } = await server.api.ok<{ id: string; token: string }>('POST', '/v1/tokens', {
      name: 'x',
      scopes: ['read'],
    })
    const path = `/v1/runs/${run.id}/logs?follow=true`
    const response = await server.api.fetch('GET', path, undefined, { headers: { authorization: `Bearer ${token}` } })
    const ended = collect(readEvents(response))
    await server.api.ok('DELETE', `/v1/tokens/${id}`)
    expect(await ended).toEqual([])
    expect((await getRun(run.id)).state).toBe('running')
    await server.api.ok('POST', `/v1/runs/${run.id}/cancel`)
  })

  it('costs nothing any more when its reader has gone', async () => {
    const run = await startRun('forever')
    await until(run.id, 'running')
    await waitFor('earlier readers to go', async () => (await openStreams()) === 0)
    const abort = new AbortController()
    const responses = await Promise.all(
      Array.from({ length: 10 }, () =>
        server.api.fetch('GET', `/v1/runs/${run.id}/logs?follow=true`, undefined, { signal: abort.signal }),
      ),
    )
    expect(responses.every((response) => response.ok)).toBe(true)
    expect(await openStreams()).toBe(10)
    abort.abort()
    await waitFor('the streams to close', async () => (await openStreams()) === 0)
    await server.api.ok('POST', `/v1/runs/${run.id}/cancel`)
  })

  it('ends at once when the server stops', async () => {
    const own = await startTestServer()
    try {
      await own.api.ok('POST', '/v1/cronjobs', { name: 'a', image: 'ok', schedule: '0 0 1 1 *', command: ['forever'] })
      const run = await own.api.ok<RunDetail>('POST', '/v1/cronjobs/a/runs')
      const response = await own.api.fetch('GET', `/v1/runs/${run.id}/logs?follow=true`)
      const ended = collect(readEvents(response))
      const startedAt = performance.now()
      await own.stop()
      expect(await ended).toEqual([])
      expect(performance.now() - startedAt).toBeLessThan(5000)
      expect(own.logText()).not.toContain('did not stop properly')
    } finally {
      await own[Symbol.asyncDispose]()
    }
  })
})

/** Live logs that the server writes right now, by its own count. */
async function openStreams(): Promise<number> {
  const text = await (await server.api.fetch('GET', '/metrics')).text()
  return Number(/^panda_streams_open (\d+)$/m.exec(text)?.[1])
}
