import { readdir, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import { lockHome } from './home-lock.ts'
import { processIdentity } from './process-identity.ts'

const quiet = () => undefined

function lockOf(owner: { pid: number; identity?: string; host?: string }): string {
  return JSON.stringify({ identity: 'somebody', host: hostname(), ...owner })
}

describe('lockHome', () => {
  it('gives the home to one of many who ask at once, over a dead lock too', async () => {
    await using home = await tempDir()
    for (const before of [undefined, lockOf({ pid: 4_000_000 }), 'rubbish']) {
      if (before !== undefined) await writeFile(join(home.path, 'postgres.lock'), before)
      const asked = await Promise.allSettled(Array.from({ length: 8 }, async () => lockHome(home.path, quiet)))
      const got = asked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      const refused = asked.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
      expect(got).toHaveLength(1)
      for (const reason of refused) expect(reason).toMatchObject({ code: 'home_in_use' })
      await got[0]?.release()
      expect(await readdir(home.path)).toEqual([])
    }
  })

  it('sees through a pid that has been given to another process', async () => {
    await using home = await tempDir()
    await writeFile(join(home.path, 'postgres.lock'), lockOf({ pid: process.pid, identity: 'an earlier one' }))
    const lock = await lockHome(home.path, quiet)
    await lock.release()
  })

  it('names the pid that holds the home and what to do', async () => {
    await using home = await tempDir()
    const identity = processIdentity(process.ppid) ?? ''
    await writeFile(join(home.path, 'postgres.lock'), lockOf({ pid: process.ppid, identity }))
    await expect(lockHome(home.path, quiet)).rejects.toMatchObject({
      code: 'home_in_use',
      pid: process.ppid,
      hint: expect.stringContaining(`kill ${process.ppid}`),
    })
  })

  it('judges a lock from another host by its heartbeat', async () => {
    await using home = await tempDir()
    const path = join(home.path, 'postgres.lock')
    await writeFile(path, lockOf({ pid: 1, host: 'another-container' }))
    const at = new Date()
    await utimes(path, at, at)
    await expect(lockHome(home.path, quiet, () => at.getTime() + 29_000)).rejects.toThrow('on host another-container')
    const lock = await lockHome(home.path, quiet, () => at.getTime() + 31_000)
    await lock.release()
  })
})
