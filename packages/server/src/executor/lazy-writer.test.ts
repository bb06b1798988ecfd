import { describe, expect, it } from 'vitest'
import type { LogWriter } from '../logs/log-types.ts'
import { lazyWriter } from './lazy-writer.ts'

function recorder() {
  const calls: string[] = []
  const writer: LogWriter = {
    cursor: '7',
    write: (chunk) => Promise.resolve(void calls.push(`write ${chunk.text}`)),
    mark: (text) => Promise.resolve(void calls.push(`mark ${text}`)),
    rewind: () => void calls.push('rewind'),
    flush: () => Promise.resolve(void calls.push('flush')),
    close: ({ complete }) => Promise.resolve(void calls.push(`close ${complete}`)),
  }
  return { calls, writer }
}
const chunk = (text: string) => ({ stream: 'stdout' as const, time: new Date(), text, endOfLine: true, cursor: '1' })

describe('lazyWriter', () => {
  it('opens nothing for a unit that writes nothing', async () => {
    const { calls } = recorder()
    const lazy = lazyWriter(() => Promise.reject(new Error('opened')))
    lazy.rewind()
    await lazy.flush()
    await lazy.close({ complete: true })
    expect(lazy.cursor).toBeNull()
    expect(calls).toEqual([])
  })

  it('opens once with the first line and passes everything on', async () => {
    const { calls, writer } = recorder()
    let opened = 0
    const lazy = lazyWriter(() => {
      opened++
      return Promise.resolve(writer)
    })
    await Promise.all([lazy.write(chunk('a')), lazy.write(chunk('b'))])
    await lazy.mark('m')
    lazy.rewind()
    await lazy.flush()
    await lazy.close({ complete: true })
    expect(opened).toBe(1)
    expect(lazy.cursor).toBe('7')
    expect(calls).toEqual(['write a', 'write b', 'mark m', 'rewind', 'flush', 'close true'])
  })

  it('tries again after an opening that failed', async () => {
    const { calls, writer } = recorder()
    let left = 1
    const lazy = lazyWriter(() => (left-- > 0 ? Promise.reject(new Error('away')) : Promise.resolve(writer)))
    await expect(lazy.write(chunk('a'))).rejects.toThrow('away')
    await lazy.write(chunk('a'))
    expect(calls).toEqual(['write a'])
  })
})
