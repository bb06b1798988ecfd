import type { Run } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { runInProcess } from '../../../../test/support/cli-io.ts'
import { json, startStubApi } from '../../../../test/support/stub-api.ts'

const run: Run = {
  id: 'run_01a20a0b49f07230ae1b21643f0c9184',
  project: 'default',
  cronjob: 'a-cronjob-with-a-rather-long-name',
  revision: 1,
  trigger: 'schedule',
  who: null,
  state: 'failed',
  phase: null,
  reason: 'out-of-memory',
  message: 'killed \u001b[2Jby the kernel',
  dueAt: '2026-03-29T01:00:00.000Z',
  dueLocal: '2026-03-29T02:30:00+02:00',
  tickNote: 'dst-gap',
  startedAt: '2026-03-29T01:00:00.090Z',
  finishedAt: '2026-03-29T01:00:02.190Z',
  latenessMs: 90,
  durationMs: 2100,
  exitCode: 137,
  attempt: 1,
  maxAttempts: 3,
  lostAttempts: 0,
  image: 'busybox',
  imageDigest: null,
  overrides: {},
  replayOf: null,
  createdAt: '2026-03-29T01:00:00.000Z',
}
const now = new Date('2026-03-29T01:05:00Z')

async function shown(argv: readonly string[], columns?: number): Promise<string> {
  await using api = await startStubApi((_, response) => json(response, 200, { items: [run], nextCursor: null }))
  const terminal = columns === undefined ? {} : { terminal: { columns } }
  const env = { PANDA_URL: api.url, NO_COLOR: '1' }
  return (await runInProcess(['run', 'list', ...argv], { env, now, ...terminal })).stdout
}

describe('the table of runs', () => {
  it('has in a pipe every column the issue names', async () => {
    const [head, row] = (await shown([])).split('\n')
    expect(head).toMatch(/RUN +CRONJOB +DUE +STARTED +LATE +OUTCOME +REASON +EXIT +TOOK +TRIGGER +WHO/)
    expect(row).toMatch(
      /^3f0c9184 +a-cron\S+ +2026-03-29 02:30:00\+02 +4 min ago +90ms +failed +out-of-memory +137 +2\.1s +schedule +-$/,
    )
  })

  it.each([80, 100, 120])('fits in %i columns', async (columns) => {
    for (const line of (await shown([], columns)).split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
  })

  it('tells with -o wide about the clock change, and defuses messages', async () => {
    const text = await shown(['-o', 'wide'], 80)
    expect(text).toContain('clock went forward')
    expect(text).toContain(run.id)
    expect(text).toContain('killed by the kernel')
  })
})
