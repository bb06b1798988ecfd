import { describe, expect, it } from 'vitest'
import { manualClock } from '../../../../test/support/clock.ts'
import { paced } from './paced.ts'

function stage() {
  const clock = manualClock(0)
  const reads: { key: string; resolve: (value: number) => void; reject: (error: Error) => void }[] = []
  const get = paced(
    clock.now,
    (key: string) => new Promise<number>((resolve, reject) => reads.push({ key, resolve, reject })),
  )
  return { clock, reads, get }
}

describe('paced', () => {
  it('reads once for all who ask meanwhile, and keeps the value ten times as long as that took', async () => {
    const { clock, reads, get } = stage()
    const first = get('a')
    clock.advance(20)
    const second = get('a')
    reads[0]?.resolve(7)
    expect(await Promise.all([first, second])).toEqual([7, 7])
    clock.advance(200)
    expect(await get('a')).toBe(7)
    clock.advance(1)
    void get('a')
    expect(reads).toHaveLength(2)
  })

  it('reads each key for itself, and what costs nothing each time anew', async () => {
    const { clock, reads, get } = stage()
    const both = [get('a'), get('b')]
    for (const [value, read] of reads.entries()) read.resolve(value)
    expect(await Promise.all(both)).toEqual([0, 1])
    clock.advance(1)
    void get('a')
    expect(reads.map((read) => read.key)).toEqual(['a', 'b', 'a'])
  })

  it('keeps no error', async () => {
    const { reads, get } = stage()
    const failed = get('a')
    reads[0]?.reject(new Error('away'))
    await expect(failed).rejects.toThrow('away')
    void get('a')
    expect(reads).toHaveLength(2)
  })
})
