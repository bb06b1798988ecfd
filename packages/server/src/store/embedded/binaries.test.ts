import { chmod, cp, lstat, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import { findNativePackage, prepareBinaries } from './binaries.ts'
import { serverEnvironment } from './cluster.ts'
import { runProgram } from './run-program.ts'
import { chooseSystemUser } from './system-user.ts'

const isRoot = process.getuid?.() === 0

describe('findNativePackage', () => {
  it('finds the installed package', async () => {
    const found = await findNativePackage()
    expect(found.version).toMatch(/^18\./)
    expect((await stat(join(found.native, 'bin', 'postgres'))).isFile()).toBe(true)
  })

  it('tells a platform without binaries from a package that was not installed', async () => {
    await expect(findNativePackage('win32-x64')).rejects.toMatchObject({ code: 'platform_unsupported' })
    const other = process.arch === 'arm64' ? 'linux-ppc64' : 'darwin-arm64'
    await expect(findNativePackage(other)).rejects.toMatchObject({ code: 'binaries_missing' })
  })
})

describe('prepareBinaries', () => {
  it('makes the library links in place, by many at once', async () => {
    await using dir = await tempDir('binaries')
    const found = await findNativePackage()
    const native = join(dir.path, 'native')
    await cp(found.native, native, { recursive: true, filter: async (path) => !(await isLink(path)) })
    const lines: string[] = []
    const options = {
      home: dir.path,
      user: await chooseSystemUser(undefined, () => undefined),
      log: (line: string) => lines.push(line),
    }
    const all = await Promise.all(Array.from({ length: 4 }, async () => prepareBinaries({ ...found, native }, options)))
    expect(new Set(all.map((binaries) => binaries.postgres))).toEqual(new Set([join(native, 'bin', 'postgres')]))
    expect(await readlink(join(native, 'lib', 'libpq.so.5'))).toMatch(/^libpq\.so\.5\.\d+$/)
    expect(lines).toEqual([])
  })

  it.runIf(isRoot)('copies what the user cannot reach, once', async () => {
    await using dir = await tempDir('binaries')
    await using closed = await tempDir('closed')
    const found = await findNativePackage()
    const native = join(closed.path, 'native')
    await cp(found.native, native, { recursive: true, filter: async (path) => !(await isLink(path)) })
    const user = await chooseSystemUser(undefined, () => undefined)
    await chmod(closed.path, 0o700)
    const options = { home: dir.path, user, log: () => undefined }
    const [first, second] = await Promise.all([1, 2].map(async () => prepareBinaries({ ...found, native }, options)))
    expect(first?.postgres).toBe(join(dir.path, `postgres-binaries-${found.version}`, 'bin', 'postgres'))
    expect(second).toEqual(first)
    if (first === undefined) throw new Error('nothing prepared')
    const asked = await runProgram(first.postgres, ['--version'], { user, env: serverEnvironment(first) })
    expect(asked).toEqual({ exitCode: 0, output: expect.stringContaining('PostgreSQL') })
  })
})

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path)).isSymbolicLink()
}
