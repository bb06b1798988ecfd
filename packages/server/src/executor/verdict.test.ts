import { describe, expect, it } from 'vitest'
import { RuntimeError, type RuntimeErrorCode, type UnitExit } from '../runtime/driver.ts'
import { signalOf } from './signals.ts'
import { type Cut, judge, judgeBug, judgeRefusal, judgeSettings } from './verdict.ts'

const limits = { memoryBytes: 512 * 1024 ** 2, timeoutMs: 3_600_000, graceMs: 10_000 }
const exited = (code: number, outOfMemory = false): UnitExit => ({
  kind: 'exited',
  code,
  outOfMemory,
  startedAt: null,
  finishedAt: null,
})
const gone: UnitExit = { kind: 'lost', detail: 'the engine was killed while it ran' }
const timeout: Cut = { kind: 'timeout' }
const byHand: Cut = { kind: 'cancel', reason: 'by-hand', by: 'anna' }

describe('judge', () => {
  it.each<[string, UnitExit | null, Cut | null, string, string | null, string | null, number | null]>([
    ['code 0', exited(0), null, 'succeeded', null, null, 0],
    ['code 3', exited(3), null, 'failed', 'exit-code', 'exited with code 3', 3],
    ['code 128, no signal', exited(128), null, 'failed', 'exit-code', 'exited with code 128', 128],
    ['code 255', exited(255), null, 'failed', 'exit-code', 'exited with code 255', 255],
    ['SIGKILL', exited(137), null, 'failed', 'signal', 'was ended by SIGKILL (exit code 137)', 137],
    ['SIGSEGV', exited(139), null, 'failed', 'signal', 'was ended by SIGSEGV (exit code 139)', 139],
    [
      'out of memory',
      exited(137, true),
      null,
      'failed',
      'out-of-memory',
      'was killed: it used more than its 512Mi of memory (exit code 137)',
      137,
    ],
    [
      'a child out of memory, its shell content',
      exited(0, true),
      null,
      'failed',
      'out-of-memory',
      'was killed: it used more than its 512Mi of memory (exit code 0)',
      0,
    ],
    [
      'timeout, SIGKILL needed',
      exited(137),
      timeout,
      'failed',
      'timeout',
      'did not end within 1h; SIGTERM, then SIGKILL after 10s',
      137,
    ],
    [
      'timeout, ended by SIGTERM with 0: still no success',
      exited(0),
      timeout,
      'failed',
      'timeout',
      'did not end within 1h; ended by SIGTERM (exit code 0)',
      0,
    ],
    ['timeout, then gone', null, timeout, 'failed', 'timeout', 'did not end within 1h; stopped', null],
    ['cancelled', exited(143), byHand, 'cancelled', 'by-hand', 'was cancelled by anna', 143],
    [
      'replaced',
      exited(143),
      { kind: 'cancel', reason: 'replaced', by: null },
      'cancelled',
      'replaced',
      'was replaced by the next run of its cronjob',
      143,
    ],
    [
      'its cronjob deleted before it started',
      null,
      { kind: 'cancel', reason: 'deleted', by: null },
      'cancelled',
      'deleted',
      'its cronjob was deleted',
      null,
    ],
    ['lost by the engine', gone, null, 'lost', 'lost', 'the engine was killed while it ran', null],
    ['vanished', null, null, 'lost', 'lost', 'its container is gone and nothing tells how it ended', null],
    [
      'server stopped',
      exited(143),
      { kind: 'server-stop' },
      'lost',
      'lost',
      'the server was stopped, and this runtime keeps nothing running without it',
      143,
    ],
  ])('%s', (_name, exit, cut, outcome, reason, message, exitCode) => {
    expect(judge({ exit, cut }, limits)).toEqual({ outcome, reason, message, exitCode })
  })

  it('gives no two causes the same sentence', () => {
    const endings: [UnitExit | null, Cut | null][] = [
      [exited(1), null],
      [exited(137), null],
      [exited(137, true), null],
      [exited(137), timeout],
      [exited(143), timeout],
      [exited(143), byHand],
      [gone, null],
      [null, null],
      [exited(143), { kind: 'server-stop' }],
    ]
    const sentences = endings.map(([exit, cut]) => judge({ exit, cut }, limits).message)
    expect(new Set(sentences).size).toBe(endings.length)
  })

  it.each<RuntimeErrorCode>(['image-not-found', 'registry-refused', 'registry-away', 'start-failed'])(
    'passes on the words of a refusal: %s',
    (code) => {
      const verdict = judgeRefusal(new RuntimeError(code, 'manifest unknown: no such tag'))
      expect(verdict).toEqual({
        outcome: 'failed',
        reason: code,
        message: 'manifest unknown: no such tag',
        exitCode: null,
      })
    },
  )

  it('calls a missing secret a failure and a bug of ours unknown', () => {
    expect(judgeSettings('The secret A cannot be opened.')).toMatchObject({
      outcome: 'failed',
      reason: 'secret-missing',
    })
    expect(judgeBug(new Error('oops'))).toMatchObject({ outcome: 'lost', reason: 'lost' })
    expect(judgeBug('oops').message).toContain('oops')
  })
})

describe('signalOf', () => {
  it.each([
    [0, null],
    [127, null],
    [128, null],
    [129, 'SIGHUP'],
    [143, 'SIGTERM'],
    [159, 'SIGSYS'],
    [160, null],
    [255, null],
  ])('%i → %s', (code, name) => expect(signalOf(code)).toBe(name))
})
