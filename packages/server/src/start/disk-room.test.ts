import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../test/support/temp-dir.ts'
import { fullDisk } from './disk-room.ts'

// A disk that is full for real: test/chaos/full-disk.test.ts.
describe('fullDisk', () => {
  it('has nothing to say while there is room', async () => {
    await using dir = await tempDir()
    expect(await fullDisk(dir.path)).toBeNull()
  })

  it('names the folder that it cannot look at', async () => {
    await using dir = await tempDir()
    expect(await fullDisk(join(dir.path, 'gone'))).toMatch(/gone, cannot be looked at: .*ENOENT/)
  })
})
