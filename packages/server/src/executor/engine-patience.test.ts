import { describe, expect, it } from 'vitest'
import { RuntimeError } from '../runtime/driver.ts'
import { EnginePatience, isAway } from './engine-patience.ts'

const away = new RuntimeError('engine-away', 'no answer')

function setUp() {
  const waits: number[] = []
  const said: string[] = []
  let nowMs = 0
  const clock = {
    now: () => nowMs,
    sleep: (ms: number) => {
      waits.push(ms)
      nowMs += ms
      return Promise.resolve()
    },
  }
  const log = {
    warn: (_o: unknown, text?: string) => said.push(text ?? ''),
    info: (text: unknown) => said.push(String(text)),
  }
  return { waits, said, log, patience: new EnginePatience(clock, log as never) }
}

describe('EnginePatience', () => {
  it('waits 1 s, then as long again as it was away, up to 30 s', async () => {
    const { patience, waits, said } = setUp()
    let left = 8
    const work = () => (left-- > 0 ? Promise.reject(away) : Promise.resolve('back'))
    expect(await patience.call(new AbortController().signal, work)).toBe('back')
    // Each wait but the first begins with a second, after which the engine may be back for others.
    const rests = [1000, 3000, 7000, 15_000, 29_000, 29_000].flatMap((rest) => [1000, rest])
    expect(waits).toEqual([1000, 1000, ...rests])
    expect(said).toEqual(['the engine is away; runs wait for it', 'the engine is back'])
    expect(patience.away).toBe(false)
  })

  it('is the same wait for many runs at once', () => {
    const { patience } = setUp()
    expect(Array.from({ length: 100 }, () => patience.noteAway(away))).toEqual(Array.from({ length: 100 }, () => 1000))
    expect(patience.away).toBe(true)
  })

  it('asks again as soon as the engine has answered somebody else', async () => {
    const rests: AbortSignal[] = []
    let nowMs = 0
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
      if (ms <= 1000 || signal === undefined) return Promise.resolve(void (nowMs += ms))
      rests.push(signal)
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    }
    const { log } = setUp()
    const patience = new EnginePatience({ now: () => nowMs, sleep }, log as never)
    patience.noteAway(away)
    nowMs = 20_000
    let asked = 0
    const slow = patience.call(new AbortController().signal, () => {
      asked += 1
      return asked === 1 ? Promise.reject(away) : Promise.resolve('answered')
    })
    await expect.poll(() => rests.length).toBe(1)
    expect(await patience.call(new AbortController().signal, () => Promise.resolve('other'))).toBe('other')
    expect(await slow).toBe('answered')
    expect([asked, nowMs]).toEqual([2, 21_000])
  })

  it('lets other errors through', async () => {
    const { patience, waits } = setUp()
    const refused = new RuntimeError('registry-refused', 'denied')
    await expect(patience.call(new AbortController().signal, () => Promise.reject(refused))).rejects.toBe(refused)
    expect(waits).toEqual([])
    expect(isAway(refused)).toBe(false)
    expect(isAway(new Error('engine-away'))).toBe(false)
  })

  it('ends with the signal', async () => {
    const { patience } = setUp()
    const stop = new AbortController()
    let tries = 0
    const work = () => {
      if (++tries === 3) stop.abort(new Error('stopped'))
      return Promise.reject(away)
    }
    await expect(patience.call(stop.signal, work)).rejects.toThrow('stopped')
    expect(tries).toBe(3)
  })
})
