import { chmod, chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import { isReachable } from './reachable.ts'

const stranger = { name: 'stranger', uid: 54_321, gid: 54_321 }

describe('isReachable', () => {
  it('wants every folder on the way to be open to others', async () => {
    await using dir = await tempDir()
    const inner = join(dir.path, 'a', 'b')
    await mkdir(inner, { recursive: true })
    expect(await isReachable(inner, stranger)).toBe(true)
    await chmod(join(dir.path, 'a'), 0o744)
    expect(await isReachable(inner, stranger)).toBe(false)
  })

  it('looks at the bits of the owner and the group for those', async () => {
    await using dir = await tempDir()
    const own = { name: 'self', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
    await chmod(dir.path, 0o700)
    expect(await isReachable(dir.path, own)).toBe(true)
    await chmod(dir.path, 0o611)
    expect(await isReachable(dir.path, own)).toBe(false)
    await chmod(dir.path, 0o710)
    expect(await isReachable(dir.path, { ...own, uid: stranger.uid })).toBe(true)
    expect(await isReachable(dir.path, stranger)).toBe(false)
    if (own.uid !== 0) return
    await chown(dir.path, stranger.uid, stranger.gid)
    expect(await isReachable(dir.path, stranger)).toBe(true)
  })
})
