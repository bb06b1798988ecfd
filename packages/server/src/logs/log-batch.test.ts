import { describe, expect, it } from 'vitest'
import { lineBytes, LogBatch, parseBody } from './log-batch.ts'
import { decodeMemory, encodeMemory } from './log-position.ts'

describe('LogBatch', () => {
  it('gives back what was put in, whatever characters it has', () => {
    const texts = [
      'plain',
      '',
      'tab\t "quotes" \\',
      'nul \0 here',
      'lone \ud800 half',
      'new\nline',
      '\u{1F43C}',
      '\u001b[31mred',
    ]
    const batch = new LogBatch(7, 2)
    for (const [index, text] of texts.entries()) {
      const line = { stream: 'stderr' as const, timeMs: 5000 - index, text, after: null }
      batch.add(line, lineBytes(line))
    }
    const body = batch.body()
    // PostgreSQL's text takes neither.
    expect(body).not.toContain('\0')
    expect(Buffer.from(body).toString()).toBe(body)
    const lines = parseBody(body)
    expect(lines.map((line) => line.text)).toEqual(texts)
    expect(lines.map((line) => line.line)).toEqual(texts.map((_, index) => 7 + index))
    expect(lines[0]).toEqual({ line: 7, attempt: 2, stream: 'stderr', time: '1970-01-01T00:00:05.000Z', text: 'plain' })
    expect([batch.lines, batch.firstTimeMs, batch.lastTimeMs]).toEqual([8, 4993, 5000])
  })

  it('counts UTF-8 bytes and the line end', () => {
    expect(lineBytes({ stream: 'stdout', timeMs: 0, text: 'é', after: null })).toBe(3)
  })
})

describe("a writer's memory", () => {
  it('survives as text', () => {
    const memory = { position: { cursor: 'c "1"', stdout: 2, stderr: 3 }, baseBytes: 9, over: true }
    expect(decodeMemory(encodeMemory(memory))).toEqual(memory)
    const start = { position: { cursor: null, stdout: 0, stderr: 0 }, baseBytes: 0, over: false }
    expect(decodeMemory(encodeMemory(start))).toEqual(start)
  })
})
