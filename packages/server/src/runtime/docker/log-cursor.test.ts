import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogCursor } from './log-cursor.ts'
import { CountCursor, normalStamp, TimeCursor } from './log-cursor.ts'

interface Message {
  readonly stream: 'stdout' | 'stderr'
  readonly stamp: string
}

/** Nanoseconds to a stamp. */
function stampOf(nanos: bigint): string {
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`
}

/** An engine's plain read: what is not older than `since`. */
function read(log: readonly Message[], cursor: LogCursor): Message[] {
  const { since } = cursor
  cursor.rewind()
  const sinceNanos = since === null ? 0n : BigInt(since.replace('.', ''))
  return log.filter(({ stamp }) => {
    const nanos = BigInt(Date.parse(`${stamp.slice(0, 19)}Z`) / 1000) * 1_000_000_000n + BigInt(stamp.slice(20, 29))
    return nanos >= sinceNanos
  })
}

// Steps of 0 make stamps that are shared, as by the parts of a long line; big ones make quiet streams.
const logs = fc
  .array(
    fc.record({
      stream: fc.constantFrom('stdout' as const, 'stderr' as const),
      stepNanos: fc.constantFrom(0n, 0n, 1n, 999n, 1_000_000n, 4_000_000_000n, 60_000_000_000n),
    }),
    { maxLength: 60 },
  )
  .map((steps) => {
    let nanos = 1_767_225_600_000_000_000n
    return steps.map(({ stream, stepNanos }) => ({ stream, stamp: stampOf((nanos += stepNanos)) }))
  })

describe.each([
  ['TimeCursor', (text: string | null): LogCursor => new TimeCursor(text)],
  ['CountCursor', (text: string | null): LogCursor => new CountCursor(text)],
])('%s', (_name, make) => {
  it('gives each message once, whatever the interruptions', () => {
    fc.assert(
      fc.property(logs, fc.array(fc.nat(12), { maxLength: 80 }), (log, lengths) => {
        const got: Message[] = []
        let text: string | null = null
        for (const length of [...lengths, log.length]) {
          const cursor = make(text)
          let left = length
          for (const message of read(log, cursor)) {
            if (left === 0) break
            const verdict = cursor.take(message.stream, message.stamp)
            expect(verdict).not.toBe('new-after-gap')
            if (verdict === 'seen') continue
            got.push(message)
            left -= 1
          }
          text = cursor.toString()
        }
        expect(got).toEqual(log)
      }),
      { numRuns: 500 },
    )
  })

  it('refuses what it did not write', () => {
    for (const text of [
      '',
      'x',
      '1|2',
      'n1',
      'n-1,2',
      '2026*1|*0',
      '*1|*0',
      '*0',
      '2026-01-01T00:00:00.000000000Z*x|*0',
    ]) {
      expect(() => make(text)).toThrow(RangeError)
    }
  })
})

describe('TimeCursor', () => {
  const stamps = Array.from({ length: 6 }, (_, index) => stampOf(1_767_225_600_000_000_000n + BigInt(index) * 1000n))

  it('sees that the place it stood at was thrown away, once', () => {
    const cursor = new TimeCursor(null)
    for (const stamp of stamps.slice(0, 2)) cursor.take('stdout', stamp)
    const later = new TimeCursor(cursor.toString())
    expect(stamps.slice(3).map((stamp) => later.take('stdout', stamp))).toEqual(['new-after-gap', 'new', 'new'])
  })

  it('sees that parts of a line with one stamp are missing', () => {
    const stamp = stamps[0] ?? ''
    const cursor = new TimeCursor(`${stamp}*3|*0`)
    expect([cursor.take('stdout', stamp), cursor.take('stdout', stamps[1] ?? '')]).toEqual(['seen', 'new-after-gap'])
  })

  it('misses nothing of the other stream that was written a little later with an older stamp', () => {
    const cursor = new TimeCursor(null)
    cursor.take('stdout', stamps[4] ?? '')
    const again = new TimeCursor(cursor.toString())
    expect(Number(again.since)).toBeLessThanOrEqual(Date.parse(stamps[2] ?? '') / 1000)
    expect(again.take('stderr', stamps[2] ?? '')).toBe('new')
    expect(again.take('stdout', stamps[4] ?? '')).toBe('seen')
  })

  it('asks from 10 s before its newest mark at most, and does not call a quiet stream a gap', () => {
    const quiet = '2026-01-01T00:00:00.000000001Z'
    const busy = '2026-01-01T06:00:00.000000002Z'
    const cursor = new TimeCursor(`${quiet}*1|${busy}*1`)
    expect(cursor.since).toBe(`${Date.parse('2026-01-01T05:59:50Z') / 1000}.000000000`)
    cursor.rewind()
    expect(cursor.take('stdout', '2026-01-01T06:00:01.000000000Z')).toBe('new')
  })
})

describe('normalStamp', () => {
  it('brings stamps to one form', () => {
    expect(normalStamp('2026-01-01T00:00:00.5Z')).toBe('2026-01-01T00:00:00.500000000Z')
    expect(normalStamp('2026-01-01T01:00:00+01:00')).toBe('2026-01-01T00:00:00.000000000Z')
    expect(normalStamp('2026-01-01T00:00:00.123456789Z')).toBe('2026-01-01T00:00:00.123456789Z')
    for (const text of ['', 'now', '2026-01-01', '2026-13-01T00:00:00Z'])
      expect(() => normalStamp(text)).toThrow(RangeError)
  })
})
