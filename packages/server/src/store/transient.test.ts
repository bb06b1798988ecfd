import { describe, expect, it } from 'vitest'
import { isTransient, retryTransient } from './transient.ts'

const coded = (code: string) => Object.assign(new Error(code), { code })
const clock = { sleep: () => Promise.resolve() }

describe('isTransient', () => {
  it.each(['08006', '08P01', '53300', '57P01', '57P03', '40001', '40P01', '57014', '25P03', 'ECONNREFUSED', 'ENOENT'])(
    '%s may be repeated',
    (code) => expect(isTransient(coded(code))).toBe(true),
  )
  it.each(['23505', '42P01', '22021', '42601', 'ERR_INVALID_ARG_TYPE'])('%s may not', (code) =>
    expect(isTransient(coded(code))).toBe(false),
  )
  it('knows the sentences of pg', () => {
    expect(isTransient(new Error('Connection terminated unexpectedly'))).toBe(true)
    expect(isTransient(new Error('timeout exceeded when trying to connect'))).toBe(true)
    expect(isTransient(new Error('something else'))).toBe(false)
    expect(isTransient('Connection terminated')).toBe(false)
  })
  it('looks into an AggregateError, which a host with two addresses gives', () => {
    expect(isTransient(new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]))).toBe(true)
    expect(isTransient(new AggregateError([coded('ECONNREFUSED'), new Error('bug')]))).toBe(false)
    expect(isTransient(new AggregateError([]))).toBe(false)
  })
})

describe('retryTransient', () => {
  it('repeats until it works and tells of each try', async () => {
    let left = 3
    const seen: number[] = []
    const work = () => (left-- > 0 ? Promise.reject(coded('57P01')) : Promise.resolve('done'))
    expect(await retryTransient(work, { clock, onRetry: (_error, attempt) => seen.push(attempt) })).toBe('done')
    expect(seen).toEqual([1, 2, 3])
  })
  it('throws at once what is no matter of waiting', async () => {
    let calls = 0
    const work = () => {
      calls++
      return Promise.reject(coded('23505'))
    }
    await expect(retryTransient(work, { clock })).rejects.toThrow('23505')
    expect(calls).toBe(1)
  })
  it('ends with the signal', async () => {
    const stop = new AbortController()
    const work = () => Promise.reject(coded('57P01'))
    const result = retryTransient(work, { clock, signal: stop.signal, onRetry: (_e, n) => n === 3 && stop.abort() })
    await expect(result).rejects.toThrow('57P01')
  })
  it('waits longer each time, up to a limit', async () => {
    const waits: number[] = []
    let left = 8
    await retryTransient(() => (left-- > 0 ? Promise.reject(coded('08006')) : Promise.resolve(0)), {
      clock: {
        sleep: (ms) => {
          waits.push(ms)
          return Promise.resolve()
        },
      },
    })
    expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000])
  })
})
