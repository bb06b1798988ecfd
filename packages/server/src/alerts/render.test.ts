import { describe, expect, it } from 'vitest'
import type { AlertItem, AlertPayload, AppAlertItem, RunAlertItem } from './payload.ts'
import { summaryOf, textOf, titleOf } from './render.ts'

function item(change: Partial<RunAlertItem> = {}): AlertItem {
  return {
    event: 'failed',
    run: 'run_1',
    cronjob: 'weekly-digest',
    state: 'failed',
    reason: 'exit-code',
    message: 'exited with code 3',
    exitCode: 3,
    attempt: 1,
    dueAt: '2026-11-23T08:00:00.000Z',
    startedAt: null,
    finishedAt: null,
    lastLines: ['connecting', 'boom'],
    ...change,
  }
}

function payload(items: AlertItem[], count = items.length): AlertPayload {
  return { type: 'panda.alert', project: 'default', alert: 'oncall', at: '2026-11-23T08:00:01.000Z', count, items }
}

const crash: AppAlertItem = {
  event: 'crash-loop',
  app: 'thumbnailer',
  revision: 3,
  instance: 'ins_1',
  reason: 'exit-code',
  message: 'the last time it exited with code 3',
  exitCode: 3,
  restarts: 4,
  at: '2026-11-23T08:00:00.000Z',
  lastLines: ['no database\u001b[2J'],
}

describe('the message about an app', () => {
  it('names app, cause, revision, restarts, the command to look with and the last lines', () => {
    const made = payload([crash])
    expect(summaryOf(made)).toBe('thumbnailer keeps crashing: the last time it exited with code 3')
    expect(textOf(made)).toBe(
      'thumbnailer keeps crashing: the last time it exited with code 3\n' +
        '  at 2026-11-23T08:00:00.000Z, revision 3, 4 restarts\n' +
        '  panda app get thumbnailer --project default\n  last lines:\n    no database',
    )
  })

  it('goes with those about runs', () => {
    const recovered: AppAlertItem = { ...crash, event: 'recovered', message: null, restarts: 0, lastLines: [] }
    const made = payload([item(), recovered], 12)
    expect(summaryOf(made)).toBe('12 events (1 failed, 1 recovered): weekly-digest, thumbnailer')
    expect(textOf(made)).toContain('thumbnailer has recovered\n  at 2026-11-23T08:00:00.000Z, revision 3\n')
    expect(textOf(made)).toContain('… and 10 more, see: panda app list')
  })
})

describe('the message', () => {
  it('names cronjob, cause, due time, the command to look with and the last lines', () => {
    const text = textOf(payload([item({ attempt: 2 })]))
    expect(text).toBe(
      [
        'weekly-digest failed: exited with code 3',
        '  due 2026-11-23T08:00:00.000Z, attempt 2',
        '  panda run get run_1 --project default',
        '  last lines:',
        '    connecting',
        '    boom',
      ].join('\n'),
    )
  })

  it('says in its title what a single event is', () => {
    expect(titleOf(payload([item()]))).toBe('[default] weekly-digest failed: exited with code 3')
    expect(titleOf(payload([item({ event: 'recovered', message: 'x' })]))).toBe('[default] weekly-digest has recovered')
  })

  it('counts the kinds of a group and says how many are not shown', () => {
    const group = payload(
      [item(), item({ event: 'missed' }), item({ cronjob: 'b' }), item({ cronjob: 'c' }), item({ cronjob: 'd' })],
      12,
    )
    expect(summaryOf(group)).toBe('12 events (4 failed, 1 missed): weekly-digest, b, c and 1 more')
    expect(textOf(group)).toContain('… and 7 more')
  })

  it('takes control characters and escape sequences out of what a container wrote', () => {
    const text = textOf(payload([item({ lastLines: ['\u001b[31mred\u001b[0m \u001b]0;title\u0007\u0000end'] })]))
    // oxlint-disable-next-line no-control-regex -- the point of the test
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    expect(text).toContain('red ')
  })
})
