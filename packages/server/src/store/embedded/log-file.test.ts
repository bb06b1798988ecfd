import { appendFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import { logTail, rotateLog } from './log-file.ts'

describe('rotateLog', () => {
  it('moves the content aside above the limit only, keeping one older file', async () => {
    await using dir = await tempDir()
    const path = join(dir.path, 'postgres.log')
    expect(await rotateLog(path, 10)).toBe(false)
    await writeFile(path, '0123456789')
    expect(await rotateLog(path, 10)).toBe(false)
    await appendFile(path, 'x')
    expect(await rotateLog(path, 10)).toBe(true)
    expect((await stat(path)).size).toBe(0)
    expect(await readFile(`${path}.1`, 'utf8')).toBe('0123456789x')
    await writeFile(path, 'the second one')
    expect(await rotateLog(path, 10)).toBe(true)
    expect(await readFile(`${path}.1`, 'utf8')).toBe('the second one')
  })
})

describe('logTail', () => {
  it('gives the last lines from a byte on, and nothing for no file', async () => {
    await using dir = await tempDir()
    const path = join(dir.path, 'postgres.log')
    expect(await logTail(path)).toBe('')
    await writeFile(path, 'old\nfirst\nsecond\nthird\n')
    expect(await logTail(path, 4, 2)).toBe('second\nthird')
    expect(await logTail(path, 4)).toBe('first\nsecond\nthird')
  })
})
