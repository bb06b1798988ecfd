import { describe, expect, it } from 'vitest'
import { coalesce } from './coalesce.ts'

function doubler(maxBatch = 100, maxPending = 1000) {
  const batches: number[][] = []
  const add = coalesce<number, number>({
    run: async (items) => {
      batches.push([...items])
      await Promise.resolve()
      if (items.includes(13)) throw new Error('13 is bad')
      return items.map((item) => item * 2)
    },
    maxBatch,
    maxPending,
  })
  return { add, batches }
}

describe('coalesce', () => {
  it('sends what is asked for in one turn together, in order', async () => {
    const { add, batches } = doubler()
    expect(await Promise.all([add(1), add(2), add(3)])).toEqual([2, 4, 6])
    expect(batches).toEqual([[1, 2, 3]])
  })

  it('gathers what comes while a batch is under way', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const batches: number[] = []
    const add = coalesce<number, number>({
      run: async (items) => {
        batches.push(items.length)
        if (batches.length === 1) await gate
        return items
      },
      maxBatch: 100,
      maxPending: 100,
    })
    const first = add(1)
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    const rest = [add(2), add(3)]
    open()
    await Promise.all([first, ...rest])
    expect(batches).toEqual([1, 2])
  })

  it('keeps batches under the limit', async () => {
    const { add, batches } = doubler(2)
    await Promise.all([1, 2, 3, 4, 5].map(add))
    expect(batches.map((batch) => batch.length)).toEqual([2, 2, 1])
  })

  it('lets only the bad item fail', async () => {
    const { add } = doubler()
    const results = await Promise.allSettled([1, 2, 13, 4, 5].map(add))
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
  })

  it('refuses more than may wait', async () => {
    const { add } = doubler(10, 2)
    const kept = [add(1), add(2)]
    await expect(add(3)).rejects.toThrow(RangeError)
    expect(await Promise.all(kept)).toEqual([2, 4])
  })

  it('treats a wrong number of results as a failure of the items', async () => {
    const add = coalesce<number, number>({ run: () => Promise.resolve([]), maxBatch: 10, maxPending: 10 })
    await expect(add(1)).rejects.toThrow('1 items gave 0 results')
  })

  it('is idle when all is done', async () => {
    const { add, batches } = doubler(1)
    const all = [add(1), add(2)]
    await add.idle()
    expect(batches).toHaveLength(2)
    await Promise.all(all)
    await add.idle()
  })
})
