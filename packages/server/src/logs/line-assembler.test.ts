import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogChunk } from '../runtime/driver.ts'
import { LineAssembler, MAX_LINE_LENGTH, SPLIT_MARK, type AssembledLine } from './line-assembler.ts'
import { START_POSITION } from './log-position.ts'

function chunks(...parts: readonly (readonly ['out' | 'err', string, boolean])[]): LogChunk[] {
  return parts.map(([stream, text, endOfLine], index) => ({
    stream: stream === 'out' ? 'stdout' : 'stderr',
    time: new Date(1000 + index),
    text,
    endOfLine,
    cursor: String(index),
  }))
}

function texts(lines: readonly AssembledLine[]): string[] {
  return lines.map((line) => `${line.stream === 'stdout' ? 'out' : 'err'} ${line.text}`)
}

describe('LineAssembler', () => {
  it('joins parts, per stream, with the time of the first part', () => {
    const assembler = new LineAssembler(START_POSITION)
    const lines = chunks(['out', 'a', false], ['err', 'x', true], ['out', 'b', true]).flatMap((c) => assembler.push(c))
    expect(texts(lines)).toEqual(['err x', 'out ab'])
    expect(lines.map((line) => line.timeMs)).toEqual([1001, 1000])
  })

  it('moves its cursor only where no line is open, and counts what lies behind', () => {
    const assembler = new LineAssembler(START_POSITION)
    const given = chunks(['out', 'one', true], ['out', 'a', false], ['err', 'x', true], ['out', 'b', true])
    const after = given.flatMap((chunk) => assembler.push(chunk)).map((line) => line.after)
    expect(after).toEqual([
      { cursor: '0', stdout: 0, stderr: 0 },
      { cursor: '0', stdout: 0, stderr: 1 },
      { cursor: '3', stdout: 0, stderr: 0 },
    ])
  })

  it('splits a line of more than 64 KiB with a mark, never inside a character', () => {
    const assembler = new LineAssembler(START_POSITION)
    const text = `${'x'.repeat(MAX_LINE_LENGTH - 1)}\u{1F43C}${'y'.repeat(10)}`
    const lines = chunks(['out', text, true]).flatMap((chunk) => assembler.push(chunk))
    expect(lines.map((line) => line.text)).toEqual([
      'x'.repeat(MAX_LINE_LENGTH - 1) + SPLIT_MARK,
      `\u{1F43C}${'y'.repeat(10)}`,
    ])
    const exact = chunks(['out', 'z'.repeat(MAX_LINE_LENGTH), true]).flatMap((chunk) => assembler.push(chunk))
    expect(exact.map((line) => line.text)).toEqual(['z'.repeat(MAX_LINE_LENGTH)])
  })

  it('gives open lines at the end, and none for nothing', () => {
    const assembler = new LineAssembler(START_POSITION)
    for (const chunk of chunks(['out', 'rest', false], ['err', '', false])) expect(assembler.push(chunk)).toEqual([])
    expect(texts(assembler.finish())).toEqual(['out rest'])
    expect(assembler.finish()).toEqual([])
  })

  it('gives every line once, wherever it is cut off and taken up again', () => {
    const part = fc.tuple(
      fc.constantFrom<'out' | 'err'>('out', 'err'),
      fc.constantFrom('a', 'bc', '', 'x'.repeat(MAX_LINE_LENGTH - 2)),
      fc.boolean(),
    )
    const cuts = fc.array(fc.record({ chunks: fc.nat(8), kind: fc.constantFrom('rewind', 'crash') }), { maxLength: 6 })
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), cuts, (parts, cuts) => {
        const all = chunks(...parts)
        const whole = new LineAssembler(START_POSITION)
        const expected = [...all.flatMap((chunk) => whole.push(chunk)), ...whole.finish()]

        const got: AssembledLine[] = []
        let assembler = new LineAssembler(START_POSITION)
        const from = (): LogChunk[] => all.slice(assembler.cursor === null ? 0 : Number(assembler.cursor) + 1)
        for (const cut of cuts) {
          for (const chunk of from().slice(0, cut.chunks)) got.push(...assembler.push(chunk))
          if (cut.kind === 'rewind') assembler.rewind()
          else assembler = new LineAssembler(got.at(-1)?.after ?? START_POSITION)
        }
        for (const chunk of from()) got.push(...assembler.push(chunk))
        got.push(...assembler.finish())
        for (const stream of ['stdout', 'stderr']) {
          const of = (lines: readonly AssembledLine[]) => lines.filter((l) => l.stream === stream).map((l) => l.text)
          expect(of(got)).toEqual(of(expected))
        }
      }),
      { numRuns: 2000 },
    )
  })
})
