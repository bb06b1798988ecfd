import { describe, expect, it } from 'vitest'
import { DEFAULT_PROGRAM, fakeLine, parseFakeProgram } from './fake-program.ts'

function parse(words: string[], env: Record<string, string> = {}) {
  return parseFakeProgram({ entrypoint: null, command: words, env })
}

describe('parseFakeProgram', () => {
  it('ends at once with 0 when nothing is told', () => {
    expect(parseFakeProgram({ entrypoint: null, command: null, env: {} })).toEqual(DEFAULT_PROGRAM)
  })

  it('reads words in any order', () => {
    const expected = { durationMs: 200, exitCode: 3, stdoutLines: 5 }
    expect(parse(['exit', '3', 'after', '200ms', 'log', '5', 'lines'])).toMatchObject(expected)
    expect(parse(['log', '5', 'after', '200ms', 'exit', '3'])).toMatchObject(expected)
    expect(parse(['oom'])).toMatchObject({ outOfMemory: true, exitCode: 137 })
    expect(parse(['oom', 'exit', '0'])).toMatchObject({ outOfMemory: true, exitCode: 0 })
    expect(parse(['forever', 'ignore-term', 'lost'])).toMatchObject({ ignoresTerm: true, lost: true })
  })

  it('is told by its variable before its command', () => {
    expect(parse(['node', 'job.js'], { PANDA_FAKE: 'exit 4 after 1s' })).toMatchObject({
      exitCode: 4,
      durationMs: 1000,
    })
  })

  it('registers as the SDK does', () => {
    const { texts } = parse(['forever', 'register'], { PANDA_INSTANCE: 'ins_1' })
    expect(texts).toEqual([{ stream: 'stdout', text: 'panda::ins_1 {"kind":"registered"}', endOfLine: true }])
  })

  it('prints values of its variables, line by line', () => {
    const { texts } = parse(['env', 'A', 'env', 'B'], { A: 'one\ntwo' })
    expect(texts.map((line) => line.text)).toEqual(['one', 'two', ''])
  })

  it.each([
    [['node', 'job.js'], 'does not know the word "node"'],
    [['toString'], 'does not know the word "toString"'],
    [['exit'], '"exit" needs a value'],
    [['exit', 'x'], '"x" is not a whole number'],
    [['after', 'soon'], 'not a duration'],
  ])('refuses %j', (words, message) => {
    expect(() => parse(words)).toThrow(
      expect.objectContaining({ code: 'start-failed', message: expect.stringContaining(message) as unknown }),
    )
  })
})

describe('fakeLine', () => {
  it('gives texts first, then numbered lines spread over the duration', () => {
    const program = parse(['print', 'hello', 'log', '3', 'err', '1', 'after', '400ms'])
    const lines = Array.from({ length: 6 }, (_, index) => fakeLine(program, index))
    expect(lines.map((line) => line && [line.text, line.atMs])).toEqual([
      ['hello', 0],
      ['out 1', 0],
      ['err 1', 100],
      ['out 2', 200],
      ['out 3', 300],
      undefined,
    ])
  })
})
