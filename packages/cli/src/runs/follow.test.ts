import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { json, startStubApi } from '../../../../test/support/stub-api.ts'
import { Client } from '../http/client.ts'
import { events } from '../http/sse.ts'
import { followRun } from './follow.ts'

const clientFor = (url: string) => new Client({ url, token: 't', project: undefined, source: 'test' })
const frame = (line: number) => `event: log\nid: ${line}\ndata: ${JSON.stringify({ line, text: `line ${line}` })}\n\n`
const END = 'event: end\ndata: {"id":"run_1","state":"succeeded"}\n\n'

function open(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
}

async function collect(url: string) {
  const lines: number[] = []
  const cuts: string[] = []
  const run = await followRun(clientFor(url), 'run_1', {
    onLine: async ({ line }) => void lines.push(line),
    onCut: (reason) => cuts.push(reason),
  })
  return { lines, cuts, run }
}

describe('followRun', () => {
  it('goes on behind the last line after a cut in the middle of an event', async () => {
    await using api = await startStubApi(({ headers }, response) => {
      open(response)
      const last = Number(headers['last-event-id'] ?? 0)
      if (last === 0) response.write(frame(1) + frame(2) + frame(3).slice(0, 20), () => response.destroy())
      else if (last === 2) response.end(frame(3) + frame(4))
      else response.end(frame(5) + END)
    })
    const { lines, cuts, run } = await collect(api.url)
    expect(lines).toEqual([1, 2, 3, 4, 5])
    expect(cuts).toHaveLength(2)
    expect(run.state).toBe('succeeded')
    expect(api.calls.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2', '4'])
    expect(api.calls[0]?.query.get('follow')).toBe('true')
  })

  it('shows no line twice when the server repeats some', async () => {
    let calls = 0
    await using api = await startStubApi((_, response) => {
      open(response)
      response.end(calls++ === 0 ? frame(1) + frame(2) : frame(1) + frame(2) + frame(3) + END)
    })
    expect((await collect(api.url)).lines).toEqual([1, 2, 3])
  })

  it('reads events that arrive byte by byte, comments, CRLF and unknown kinds', async () => {
    await using api = await startStubApi(async (_, response) => {
      open(response)
      const text = `: ping\r\n\r\nevent: later-kind\r\ndata: {}\r\n\r\n${frame(1).replaceAll('\n', '\r\n')}${END}`
      for (const byte of Buffer.from(text)) {
        await new Promise((resolve) => response.write(Buffer.from([byte]), resolve))
      }
      response.end()
    })
    expect((await collect(api.url)).lines).toEqual([1])
  })

  it('keeps characters whole that two chunks share', async () => {
    const bytes = Buffer.from(`event: log\nid: 1\ndata: ${JSON.stringify({ line: 1, text: '🐼' })}\n\n${END}`)
    const middle = bytes.indexOf(Buffer.from('🐼')) + 2
    await using api = await startStubApi(async (_, response) => {
      open(response)
      await new Promise((resolve) => response.write(bytes.subarray(0, middle), resolve))
      response.end(bytes.subarray(middle))
    })
    const texts: string[] = []
    await followRun(clientFor(api.url), 'run_1', { onLine: async ({ text }) => void texts.push(text) })
    expect(texts).toEqual(['🐼'])
  })

  it('survives a restart: refused connections and 503', async () => {
    let calls = 0
    await using api = await startStubApi((_, response) => {
      calls++
      if (calls === 1) {
        open(response)
        response.end(frame(1))
      } else if (calls === 2) {
        json(response, 503, { status: 503, code: 'stopping', detail: 'stopping', hint: '', requestId: 'r' })
      } else if (calls === 3) response.destroy()
      else {
        open(response)
        response.end(frame(2) + END)
      }
    })
    expect((await collect(api.url)).lines).toEqual([1, 2])
  })

  it('does not try again when the server says no', async () => {
    const problem = { status: 404, code: 'not_found', detail: 'no run', hint: '', requestId: 'r' }
    await using api = await startStubApi((_, response) => json(response, 404, problem))
    await expect(collect(api.url)).rejects.toMatchObject({ code: 'not_found' })
    expect(api.calls).toHaveLength(1)
  })

  it('gives up when the server stays away', async () => {
    await using api = await startStubApi((_, response) => void response.destroy())
    const stream = events(clientFor(api.url), '/v1/x', { giveUpAfterMs: 0 })
    await expect(stream.next()).rejects.toMatchObject({ code: 'server_unreachable', exitCode: 7 })
  })

  it('ends at once when it is aborted, also between two tries', async () => {
    const stop = new AbortController()
    await using api = await startStubApi((_, response) => {
      open(response)
      response.end()
    })
    const followed = followRun(clientFor(api.url), 'run_1', {
      signal: stop.signal,
      onCut: () => stop.abort(new Error('enough')),
    })
    await expect(followed).rejects.toThrow()
    expect(api.calls).toHaveLength(1)
  })
})
