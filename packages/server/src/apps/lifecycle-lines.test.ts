import { describe, expect, it } from 'vitest'
import type { LogWriter } from '../logs/log-types.ts'
import type { LogChunk } from '../runtime/driver.ts'
import { lifecyclePrefix, readLifecycleLine, withoutLifecycleLines } from './lifecycle-lines.ts'
import type { Told } from './workers.ts'

const ID = 'ins_0192f'
const prefix = lifecyclePrefix(ID)

describe('readLifecycleLine', () => {
  it('reads what the SDK tells', () => {
    expect(readLifecycleLine(prefix, `${prefix}{"kind":"registered"}`)).toEqual({ kind: 'registered' })
    const who = { of: 'queue uploads', worker: '1.1' }
    for (const told of [{ kind: 'starting' }, { kind: 'registered' }, { kind: 'draining', held: 4 }]) {
      expect(readLifecycleLine(prefix, prefix + JSON.stringify({ ...told, ...who }))).toEqual({ ...told, ...who })
    }
    const drained = { kind: 'drained', finished: 3, handedBack: 1 }
    expect(readLifecycleLine(prefix, prefix + JSON.stringify({ ...drained, queue: 'uploads' }))).toEqual(drained)
  })

  it.each([
    ['another instance', 'panda::ins_other {"kind":"registered"}'],
    ['an unknown word', `${prefix}{"kind":"exploded"}`],
    ['a count of nothing', `${prefix}{"kind":"draining"}`],
    ['a name that is none', `${prefix}{"kind":"registered","of":7}`],
    ['no JSON', `${prefix}registered`],
    ['a count that is none', `${prefix}{"kind":"drained","finished":-1,"handedBack":0}`],
    ['an ordinary line', 'listening on 3000'],
  ])('takes %s for an ordinary line', (_name, text) => {
    expect(readLifecycleLine(prefix, text)).toBeNull()
  })
})

function setUp() {
  const written: string[] = []
  const told: Told[] = []
  const inner: LogWriter = {
    cursor: 'c',
    write: async (chunk) => void written.push(chunk.text),
    mark: async (text) => void written.push(`mark ${text}`),
    rewind: () => void written.push('rewind'),
    flush: () => Promise.resolve(),
    close: async ({ complete }) => void written.push(`close ${complete}`),
  }
  const writer = withoutLifecycleLines(inner, ID, async (word) => void told.push(word))
  const chunk = (text: string, change: Partial<LogChunk> = {}): LogChunk => ({
    stream: 'stdout',
    time: new Date(0),
    text,
    endOfLine: true,
    cursor: '',
    ...change,
  })
  return { writer, written, told, chunk }
}

describe('withoutLifecycleLines', () => {
  it('tells and leaves them out of the log', async () => {
    const { writer, written, told, chunk } = setUp()
    for (const text of ['before', `${prefix}{"kind":"registered"}`, 'after']) await writer.write(chunk(text))
    expect([written, told]).toEqual([['before', 'after'], [{ kind: 'registered' }]])
  })

  it('hears them only as whole lines of stdout', async () => {
    const { writer, written, told, chunk } = setUp()
    const line = `${prefix}{"kind":"registered"}`
    await writer.write(chunk('the start of a line, ', { endOfLine: false }))
    await writer.write(chunk(line))
    await writer.write(chunk(line, { stream: 'stderr' }))
    await writer.write(chunk(line, { endOfLine: false }))
    expect(told).toEqual([])
    expect(written).toHaveLength(4)
    writer.rewind()
    await writer.write(chunk(line))
    expect(told).toHaveLength(1)
  })

  it('passes everything else on', async () => {
    const { writer, written } = setUp()
    await writer.mark('here')
    await writer.flush()
    await writer.close({ complete: true })
    expect([writer.cursor, ...written]).toEqual(['c', 'mark here', 'close true'])
  })
})
