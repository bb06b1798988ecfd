import { expect, it } from 'vitest'
import type { LogWriter } from '../logs/log-types.ts'
import type { LogChunk } from '../runtime/driver.ts'
import { windowedWriter } from './windowed-writer.ts'

const KEEP = 1000
/** 100 bytes with its line end. */
const chunk = (n: number): LogChunk => ({
  stream: 'stdout',
  time: new Date(n),
  text: String(n).padStart(99, '.'),
  endOfLine: true,
  cursor: String(n),
})

/** @param lines that each pruning removes, in turn */
function world(lines: readonly number[]) {
  const done: string[] = []
  const removed = [...lines]
  const inner: LogWriter = {
    cursor: 'here',
    write: ({ cursor }) => Promise.resolve(void done.push(`write ${cursor}`)),
    mark: (text) => Promise.resolve(void done.push(`mark ${text}`)),
    rewind: () => void done.push('rewind'),
    flush: () => Promise.resolve(void done.push('flush')),
    close: ({ complete }) => Promise.resolve(void done.push(`close ${complete}`)),
  }
  const prune = () => Promise.resolve((done.push('prune'), removed.shift() ?? 0))
  return { done, writer: windowedWriter(inner, { keepBytes: KEEP, prune }) }
}

it('prunes after each quarter of the window, what was written first stored', async () => {
  const { done, writer } = world([0, 7])
  for (let n = 1; n <= 6; n++) await writer.write(chunk(n))
  expect(done).toEqual([
    'write 1',
    'write 2',
    'write 3',
    'flush',
    'prune',
    'write 4',
    'write 5',
    'write 6',
    'flush',
    'prune',
    'mark the 7 oldest lines of this log were removed: the newest 1000 are kept',
  ])
})

it('says nothing as long as the log fits', async () => {
  const { done, writer } = world([])
  for (let n = 1; n <= 9; n++) await writer.write(chunk(n))
  expect(done.filter((one) => one.startsWith('mark'))).toEqual([])
  expect(done.filter((one) => one === 'prune')).toHaveLength(3)
})

it('passes everything else on', async () => {
  const { done, writer } = world([])
  expect(writer.cursor).toBe('here')
  await writer.mark('a word')
  writer.rewind()
  await writer.flush()
  await writer.close({ complete: true })
  expect(done).toEqual(['mark a word', 'rewind', 'flush', 'close true'])
})
