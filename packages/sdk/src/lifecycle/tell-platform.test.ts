import { afterEach, expect, it, vi } from 'vitest'
import { tellPlatform } from './tell-platform.ts'

const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
afterEach(() => write.mockClear())

it('says it in one line that names the instance', () => {
  tellPlatform({ kind: 'registered' }, { PANDA_INSTANCE: 'ins_1' })
  tellPlatform({ kind: 'drained', finished: 2, handedBack: 1 }, { PANDA_INSTANCE: 'ins_1' })
  expect(write.mock.calls.map(([text]) => text)).toEqual([
    'panda::ins_1 {"kind":"registered"}\n',
    'panda::ins_1 {"kind":"drained","finished":2,"handedBack":1}\n',
  ])
})

it('says nothing where there is no platform', () => {
  tellPlatform({ kind: 'registered' }, {})
  tellPlatform({ kind: 'registered' }, { PANDA_INSTANCE: '' })
  expect(write).not.toHaveBeenCalled()
})
