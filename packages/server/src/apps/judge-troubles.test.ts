import { describe, expect, it } from 'vitest'
import type { StoredEnd } from './instance-end.ts'
import { type JudgedApp, type JudgedInstance, judgeTroubles } from './judge-troubles.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const MINUTE = 60_000

function end(minutesAgo: number, reason: StoredEnd['reason'] = 'exit-code'): StoredEnd {
  return { at: new Date(NOW - minutesAgo * MINUTE).toISOString(), reason, message: 'exited with code 3', exitCode: 3 }
}

function instance(change: Partial<JudgedInstance> = {}): JudgedInstance {
  return { id: 'ins_1', revision: 1, ready: true, runningForMs: 10_000, restarts: 0, ends: [], ...change }
}

function judge(instances: JudgedInstance[], change: Partial<JudgedApp> = {}) {
  const app = { replicas: instances.length, stopped: false, troubles: [], instances, ...change }
  const { open, close, recovered } = judgeTroubles(app, NOW)
  return { open: open.map(({ trouble }) => trouble), close, recovered }
}

const NOTHING = { open: [], close: [], recovered: false }
const LOOP = [end(3), end(2), end(1)]

describe('an episode begins', () => {
  it.each<[string, JudgedInstance, string[]]>([
    ['not when all is well', instance(), []],
    ['not by two ends', instance({ ends: [end(2), end(1)] }), []],
    ['by three ends within ten minutes', instance({ ends: LOOP }), ['crash-loop']],
    ['also while none runs', instance({ ends: LOOP, ready: false, runningForMs: null }), ['crash-loop']],
    ['not by three ends in more than ten minutes', instance({ ends: [end(12), end(5), end(1)] }), []],
    ['not by ends that it has got over', instance({ ends: [end(9), end(8), end(7)], runningForMs: 6 * MINUTE }), []],
    ['by one end for want of memory', instance({ ends: [end(1, 'out-of-memory')] }), ['out-of-memory']],
    ['also when another end came after it', instance({ ends: [end(2, 'out-of-memory'), end(1)] }), ['out-of-memory']],
    ['not by an old end for want of memory', instance({ ends: [end(20, 'out-of-memory'), end(1)] }), []],
    [
      'as two when memory is why it crashes',
      instance({ ends: [end(3), end(2), end(1, 'out-of-memory')] }),
      ['crash-loop', 'out-of-memory'],
    ],
  ])('%s', (_what, one, open) => {
    expect(judge([instance({ id: 'ins_0' }), one])).toEqual({ ...NOTHING, open })
  })

  it('once, however often it goes on', () => {
    expect(judge([instance({ ends: LOOP })], { troubles: ['crash-loop'] })).toEqual(NOTHING)
  })

  it('of no app that is stopped or scaled to nothing', () => {
    expect(judge([instance({ ends: LOOP })], { stopped: true })).toEqual(NOTHING)
    expect(judge([instance({ ends: LOOP })], { replicas: 0 })).toEqual(NOTHING)
  })
})

describe('an episode is over', () => {
  const open = { troubles: ['crash-loop' as const] }

  it('when its instances have run for five minutes, or are new', () => {
    const over = { open: [], close: ['crash-loop'], recovered: true }
    expect(judge([instance({ ends: LOOP, runningForMs: 5 * MINUTE })], open)).toEqual(over)
    expect(judge([instance()], open)).toEqual(over)
  })

  it.each<[string, JudgedInstance[], Partial<JudgedApp>]>([
    ['runs since a short while', [instance({ ends: LOOP, runningForMs: 4 * MINUTE })], {}],
    ['is not ready', [instance({ ready: false, runningForMs: 9 * MINUTE })], {}],
    ['waits for its next start', [instance(), instance({ runningForMs: null, ends: LOOP })], {}],
    ['is not there yet', [instance()], { replicas: 2 }],
  ])('not while an instance %s', (_what, instances, change) => {
    expect(judge(instances, { ...open, ...change })).toEqual(NOTHING)
  })

  it('without a word when the app was stopped', () => {
    expect(judge([], { ...open, stopped: true, replicas: 1 })).toEqual({ ...NOTHING, close: ['crash-loop'] })
  })

  it('without a word while a failed deploy is not mended, which is not over by itself', () => {
    const troubles = ['deploy-failed', 'out-of-memory'] as const
    expect(judge([instance()], { troubles })).toEqual({ ...NOTHING, close: ['out-of-memory'] })
    expect(judge([instance()], { troubles: ['deploy-failed'] })).toEqual(NOTHING)
  })
})
