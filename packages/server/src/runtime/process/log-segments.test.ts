import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tempDir, type TempDir } from '../../../../../test/support/temp-dir.ts'
import type { LogChunk } from '../driver.ts'
import { listSegments, PART_LENGTH, SegmentWriter } from './log-segments.ts'
import { readSegments } from './read-segments.ts'

let folder: TempDir

beforeEach(async () => {
  folder = await tempDir('segments')
})

afterEach(async () => {
  await folder.remove()
})

async function read(after = 0, path = folder.path): Promise<LogChunk[]> {
  const chunks: LogChunk[] = []
  for await (const chunk of readSegments(path, after)) chunks.push(chunk)
  return chunks
}

function textOf(chunks: readonly LogChunk[], stream: LogChunk['stream']): string {
  const own = chunks.filter((chunk) => chunk.stream === stream)
  return own.map((chunk) => chunk.text + (chunk.endOfLine ? '\n' : '')).join('')
}

describe('SegmentWriter and readSegments', () => {
  it('gives lines with stream and time', async () => {
    const writer = new SegmentWriter(folder.path, undefined, () => 5000)
    writer.write('stdout', Buffer.from('one\ntwo'))
    writer.write('stderr', Buffer.from('bad\n'))
    expect((await read()).map((chunk) => chunk.text)).toEqual(['one', 'bad'])
    writer.end()
    const chunks = await read()
    expect(chunks.map(({ stream, text, endOfLine, cursor }) => [stream, text, endOfLine, cursor])).toEqual([
      ['stdout', 'one', true, '1'],
      ['stderr', 'bad', true, '2'],
      ['stdout', 'two', false, '3'],
    ])
    expect(chunks[0]?.time).toEqual(new Date(5000))
    expect((await read(2)).map((chunk) => chunk.cursor)).toEqual(['3'])
  })

  it('gives what was written, in whatever pieces it came and wherever it is cut', async () => {
    let round = 0
    const bytes = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }).map((text) => Buffer.from(text)),
      fc.constant(Buffer.from('line\n')),
      fc.constant(Buffer.from('x'.repeat(PART_LENGTH))),
    )
    const writes = fc.array(fc.tuple(fc.constantFrom<'stdout' | 'stderr'>('stdout', 'stderr'), bytes), {
      maxLength: 20,
    })
    await fc.assert(
      fc.asyncProperty(writes, fc.nat(20), async (writes, cut) => {
        await using own = await tempDir(`segments-${(round += 1)}`)
        const writer = new SegmentWriter(own.path, { segmentBytes: 100, segments: 1000 })
        for (const [stream, data] of writes) {
          const middle = Math.floor(data.length / 2)
          writer.write(stream, data.subarray(0, middle))
          writer.write(stream, data.subarray(middle))
        }
        writer.end()
        const all = await read(0, own.path)
        for (const stream of ['stdout', 'stderr'] as const) {
          const written = Buffer.concat(writes.flatMap(([name, data]) => (name === stream ? [data] : [])))
          expect(textOf(all, stream)).toBe(written.toString())
        }
        const first = all.slice(0, cut)
        expect([...first, ...(await read(Number(first.at(-1)?.cursor ?? 0), own.path))]).toEqual(all)
      }),
      { numRuns: 60 },
    )
  })

  it('replaces bytes that are no text and joins characters over reads', async () => {
    const writer = new SegmentWriter(folder.path)
    const panda = Buffer.from('\u{1F43C}\n')
    writer.write('stdout', panda.subarray(0, 2))
    writer.write('stdout', panda.subarray(2))
    writer.write('stdout', Buffer.from([0x61, 0xff, 0x62, 0x0a]))
    writer.end()
    expect((await read()).map((chunk) => chunk.text)).toEqual(['\u{1F43C}', 'a\uFFFDb'])
  })

  it('leaves a row that is half written for later', async () => {
    const writer = new SegmentWriter(folder.path)
    writer.write('stdout', Buffer.from('whole\n'))
    writer.end()
    const [file] = readdirSync(folder.path)
    const path = join(folder.path, file ?? '')
    const row = readFileSync(path, 'utf8').replace('[1,', '[2,').replace('whole', 'second')
    appendFileSync(path, row.slice(0, 9))
    expect((await read()).map((chunk) => chunk.text)).toEqual(['whole'])
    appendFileSync(path, row.slice(9))
    expect((await read()).map((chunk) => chunk.text)).toEqual(['whole', 'second'])
  })

  it('keeps the newest files and tells what is lost, once', async () => {
    const writer = new SegmentWriter(folder.path, { segmentBytes: 200, segments: 2 })
    for (let index = 1; index <= 100; index += 1) writer.write('stdout', Buffer.from(`line ${index}\n`))
    writer.end()
    const [first = 0] = listSegments(folder.path)
    expect(listSegments(folder.path)).toHaveLength(2)
    const chunks = await read(10)
    expect(chunks[0]?.text).toContain(`${first - 11} lines are lost`)
    expect(chunks[1]?.text).toBe(`line ${first}`)
    expect((await read(Number(chunks[0]?.cursor)))[0]?.text).toBe(`line ${first}`)
    expect(chunks.at(-1)?.text).toBe('line 100')
  })

  it('reads nothing of a unit that is gone', async () => {
    expect(await read(0, join(folder.path, 'no-such'))).toEqual([])
  })
})
