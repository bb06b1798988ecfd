import { randomBytes } from 'node:crypto'
import { chown } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import { runProgram } from './run-program.ts'
import { chooseSystemUser } from './system-user.ts'

const isRoot = process.getuid?.() === 0
const nobodyThere = 'panda-no-such-user'

describe.runIf(isRoot)('chooseSystemUser, as root', () => {
  it('stays with the owner of the data', async () => {
    await using dir = await tempDir()
    await chown(dir.path, 54_321, 54_322)
    expect(await chooseSystemUser(dir.path, () => undefined)).toMatchObject({ uid: 54_321, gid: 54_322 })
  })

  it('refuses data of root', async () => {
    await using dir = await tempDir()
    await expect(chooseSystemUser(dir.path, () => undefined)).rejects.toMatchObject({ code: 'folder_unsafe' })
  })

  it('makes a system user once and finds it again', async () => {
    const own = `pandatest${randomBytes(4).toString('hex')}`
    const lines: string[] = []
    const names = { existing: nobodyThere, own }
    try {
      const choose = async () => chooseSystemUser(undefined, (line) => lines.push(line), names)
      const made = await choose()
      const same = await choose()
      expect(made).toMatchObject({ name: own })
      expect(made?.uid).toBeGreaterThan(0)
      expect(same).toEqual(made)
      expect(
        lines.filter((line) => line === `created the system user ${own} for the embedded PostgreSQL`),
      ).toHaveLength(1)
      expect(await chooseSystemUser(undefined, () => undefined, { existing: own, own: nobodyThere })).toEqual(made)
    } finally {
      await runProgram('userdel', [own])
    }
  })

  it('falls back to nobody when no user can be made', async () => {
    const lines: string[] = []
    const names = { existing: nobodyThere, own: 'not:a:name' }
    expect(await chooseSystemUser(undefined, (line) => lines.push(line), names)).toMatchObject({ name: 'nobody' })
    expect(lines.join('\n')).toContain('useradd')
  })
})

describe.runIf(!isRoot)('chooseSystemUser, not as root', () => {
  it('runs PostgreSQL as ourselves', async () => {
    await using dir = await tempDir()
    expect(await chooseSystemUser(undefined, () => undefined)).toBeUndefined()
    expect(await chooseSystemUser(dir.path, () => undefined)).toBeUndefined()
    await expect(chooseSystemUser('/etc', () => undefined)).rejects.toMatchObject({ code: 'folder_unsafe' })
  })
})
