import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import { readPostmasterPid } from './postmaster-pid.ts'

describe('readPostmasterPid', () => {
  it.each([
    ['123\n/data\n1700000000\n5433\n\n127.0.0.1\n 1 2\nready   \n', { pid: 123, port: 5433 }],
    ['123\n/data\n1700000000\n', { pid: 123, port: undefined }],
    ['', undefined],
    ['-5\n', undefined],
    ['text\n', undefined],
  ])('reads %j', async (text, expected) => {
    await using dir = await tempDir()
    expect(await readPostmasterPid(dir.path)).toBeUndefined()
    await writeFile(join(dir.path, 'postmaster.pid'), text)
    expect(await readPostmasterPid(dir.path)).toEqual(expected)
  })
})
