import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TimeCursor } from './log-cursor.ts'
import { readFrames } from './frames.ts'
import { LogMessages } from './log-messages.ts'

function frame(kind: number, text: string | Buffer): Buffer {
  const payload = Buffer.from(text)
  const header = Buffer.alloc(8)
  header.writeUInt8(kind, 0)
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

async function* pieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0
  for (const cut of cuts) {
    yield bytes.subarray(at, at + cut)
    at += cut
  }
  yield bytes.subarray(at)
}

async function collect(source: AsyncIterable<Buffer>) {
  const found: [string, string][] = []
  for await (const { stream, payload } of readFrames(source)) found.push([stream, payload.toString('latin1')])
  return found
}

describe('readFrames', () => {
  it('finds the same frames however the bytes are cut', async () => {
    const message = fc.record({ kind: fc.constantFrom(1, 2), text: fc.string({ maxLength: 40 }) })
    const property = fc.asyncProperty(fc.array(message), fc.array(fc.nat(20)), async (messages, cuts) => {
      const ascii = messages.map(({ kind, text }) => ({ kind, text: text.replace(/[^ -~]/g, '.') }))
      const bytes = Buffer.concat(ascii.map(({ kind, text }) => frame(kind, text)))
      const wanted = ascii.map(({ kind, text }) => [kind === 1 ? 'stdout' : 'stderr', text])
      expect(await collect(pieces(bytes, cuts))).toEqual(wanted)
    })
    await fc.assert(property, { numRuns: 200 })
  })

  it('refuses what is no such stream', async () => {
    for (const bytes of [frame(7, 'x'), Buffer.from('plain text of a terminal\n'), frame(1, 'cut').subarray(0, 9)]) {
      await expect(collect(pieces(bytes, []))).rejects.toThrow(RangeError)
    }
  })
})

describe('LogMessages', () => {
  const stamp = '2026-01-01T00:00:00.000000001Z'

  it('puts characters together again that the engine has cut, also behind a cursor', () => {
    const panda = Buffer.from('\u{1F43C}')
    const parts = [
      Buffer.concat([Buffer.from(`${stamp} a`), panda.subarray(0, 2)]),
      Buffer.concat([Buffer.from(`${stamp} `), panda.subarray(2), Buffer.from('b\n')]),
    ]
    const frames = parts.map((payload) => ({ stream: 'stdout' as const, payload }))
    const read = (cursor: TimeCursor) => {
      const messages = new LogMessages(cursor)
      cursor.rewind()
      return frames.map((one) => messages.next(one))
    }
    const [first, second] = read(new TimeCursor(null))
    expect([first, second]).toMatchObject([
      { text: 'a', endOfLine: false },
      { text: '\u{1F43C}b', endOfLine: true },
    ])
    expect(read(new TimeCursor(first?.cursor ?? null))).toEqual([null, second])
  })

  it('keeps spaces, empty lines and a message that has no text', () => {
    const messages = new LogMessages(new TimeCursor(null))
    const texts = [' two  spaces \n', '\n', ''].map((text) =>
      messages.next({ stream: 'stderr', payload: Buffer.from(`${stamp} ${text}`) }),
    )
    expect(texts.map((chunk) => [chunk?.text, chunk?.endOfLine])).toEqual([
      [' two  spaces ', true],
      ['', true],
      ['', false],
    ])
  })
})
