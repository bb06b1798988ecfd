import { afterEach, expect, it, vi } from 'vitest'
import { tellPlatform } from './tell-platform.ts'
import { ToldWorker } from './told-worker.ts'

const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
afterEach(() => {
  write.mockClear()
  vi.unstubAllEnvs()
})
const who = { of: 'queue uploads', worker: '1.1' } as const

it('says it in one line that names the instance', () => {
  tellPlatform({ kind: 'registered', ...who }, { PANDA_INSTANCE: 'ins_1' })
  tellPlatform({ kind: 'drained', ...who, finished: 2, handedBack: 1 }, { PANDA_INSTANCE: 'ins_1' })
  expect(write.mock.calls.map(([text]) => text)).toEqual([
    'panda::ins_1 {"kind":"registered","of":"queue uploads","worker":"1.1"}\n',
    'panda::ins_1 {"kind":"drained","of":"queue uploads","worker":"1.1","finished":2,"handedBack":1}\n',
  ])
})

it('says nothing where there is no platform', () => {
  tellPlatform({ kind: 'registered', ...who }, {})
  tellPlatform({ kind: 'registered', ...who }, { PANDA_INSTANCE: '' })
  expect(write).not.toHaveBeenCalled()
})

it('tells the whole life of each worker under a name of its own, from the moment it is made', () => {
  vi.stubEnv('PANDA_INSTANCE', 'ins_1')
  const [a, b] = [new ToldWorker('queue uploads'), new ToldWorker('queue uploads')]
  b.registered()
  a.draining(3)
  a.drained(2, 1)
  const words = write.mock.calls.map(([text]) => JSON.parse(String(text).slice('panda::ins_1 '.length)) as object)
  const [first, second] = words as { worker: string }[]
  expect(first?.worker).not.toBe(second?.worker)
  const [ofA, ofB] = [first, second].map((word) => ({ of: 'queue uploads', worker: word?.worker }))
  expect(words).toEqual([
    { kind: 'starting', ...ofA },
    { kind: 'starting', ...ofB },
    { kind: 'registered', ...ofB },
    { kind: 'draining', ...ofA, held: 3 },
    { kind: 'drained', ...ofA, finished: 2, handedBack: 1 },
  ])
})
