import type { JobView, QueueView } from '@pandastack/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runInProcess } from '../../../../test/support/cli-io.ts'
import { json, type StubApi, startStubApi } from '../../../../test/support/stub-api.ts'

/** What a store says was written by anybody who can reach it; on a terminal it must be text and nothing else. */

const TITLE = '\u001b]0;owned\u0007'
const UP = '\u001b[2A'
const evil = (text: string): string => `${TITLE}${UP}${text}\u0008\u202e`
const AT = '2026-11-24T08:00:00.000Z'

const job: JobView = {
  id: evil('the-id'),
  queue: evil('the-queue'),
  state: 'dead',
  data: { note: evil('the-data') },
  priority: 0,
  group: evil('the-group'),
  parent: { id: evil('the-parent'), queue: evil('parent-queue') },
  waitsFor: 0,
  failures: 1,
  crashes: 0,
  progress: evil('the-progress'),
  value: evil('the-value'),
  error: { name: evil('the-name'), message: evil('the-message'), stack: `x\n${evil('the-stack')}`, at: AT },
  reason: evil('the-reason'),
  worker: evil('the-worker'),
  addedAt: AT,
  runAt: null,
  startedAt: null,
  finishedAt: null,
  firstFailedAt: null,
  lastFailedAt: null,
} as unknown as JobView

const counts = { scheduled: 0, queued: 0, running: 0, retrying: 0, succeeded: 0, cancelled: 0, dead: 0 }
const queue: QueueView = {
  name: evil('the-queue'),
  paused: false,
  counts,
  totals: { added: 1, succeeded: 0, failed: 0, dead: 0, crashed: 0 },
  oldestQueued: null,
  limits: { concurrency: null, rate: null, groupConcurrency: 1, groupRate: null },
  workers: [{ id: evil('the-worker'), about: { host: evil('the-host') }, running: 1, leaseEndsIn: '9s' }],
}

let api: StubApi
beforeAll(async () => {
  api = await startStubApi(({ method, path }, response) => {
    if (path.endsWith('/logs')) return json(response, 200, { lines: [evil('the-line')] })
    if (path.endsWith('/jobs') && method === 'POST')
      return json(response, 201, { id: job.id, queue: job.queue, deduplicated: false })
    if (path.endsWith('/jobs')) return json(response, 200, { items: [job], nextCursor: null })
    if (path.includes('/jobs/')) return json(response, 200, job)
    if (path === '/v1/queues') return json(response, 200, { items: [queue], nextCursor: null })
    return json(response, 200, queue)
  })
})
afterAll(() => api[Symbol.asyncDispose]())

// eslint-disable-next-line no-control-regex -- the one sequence that may come out
const COLOUR = /\u001b\[[0-9;]*m/g
// eslint-disable-next-line no-control-regex -- these are the characters that must not come out
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

describe('hostile text of a store', () => {
  it.each([
    [['job', 'q', 'j', '--logs'], 'the-worker'],
    [['job', 'q', 'j', '--logs'], 'the-id'],
    [['job', 'q', 'j', '--logs'], 'the-line'],
    [['jobs', 'q', '-o', 'wide'], 'the-group'],
    [['list'], 'the-queue'],
    [['get', 'q'], 'the-host'],
    [['add', 'q'], 'the-id'],
    [['cancel', 'q', 'j'], 'the-id'],
    [['retry', 'q', 'j'], 'the-id'],
  ])('is defused by panda queue %j: %s', async (argv, shown) => {
    const env = { PANDA_URL: api.url, PANDA_TOKEN: 'pnd_x' }
    const { code, stdout, stderr } = await runInProcess(['queue', ...argv], { env, terminal: { columns: 400 } })
    expect({ code, stderr: stderr.replaceAll(COLOUR, '') }).toMatchObject({ code: 0 })
    const text = `${stdout}${stderr}`.replaceAll(COLOUR, '')
    expect(text).toContain(shown)
    expect(text).not.toMatch(CONTROL)
  })
})
