import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tempDir, type TempDir } from '../../../../../test/support/temp-dir.ts'
import { resolveCommand } from './command.ts'

let folder: TempDir

beforeAll(async () => {
  folder = await tempDir('command')
  for (const [name, mode] of [
    ['first/tool', 0o600],
    ['second/tool', 0o700],
    ['work/own', 0o700],
  ] as const) {
    mkdirSync(join(folder.path, name, '..'), { recursive: true })
    writeFileSync(join(folder.path, name), '#!/bin/sh\n')
    chmodSync(join(folder.path, name), mode)
  }
  mkdirSync(join(folder.path, 'first', 'a-folder'))
})

afterAll(async () => {
  await folder.remove()
})

function command(words: string[], env: Record<string, string> = {}, serverEnv: NodeJS.ProcessEnv = {}) {
  const path = `relative:${join(folder.path, 'first')}:${join(folder.path, 'second')}`
  const unit = { entrypoint: words.slice(0, 1), command: words.slice(1), image: 'x', env: { PATH: path, ...env } }
  return resolveCommand(unit, join(folder.path, 'work'), serverEnv)
}

describe('resolveCommand', () => {
  it('takes the first program in the PATH that can be run', () => {
    expect(command(['tool', '-x', ''])).toMatchObject({ file: join(folder.path, 'second', 'tool'), args: ['-x', ''] })
  })

  it("takes a relative path from the unit's own folder", () => {
    expect(command(['./own']).file).toBe(join(folder.path, 'work', 'own'))
  })

  it('joins entrypoint and command', () => {
    const unit = { entrypoint: null, command: ['/bin/sh', '-c', 'x'], image: 'x', env: {} }
    expect(resolveCommand(unit, '/', {})).toMatchObject({ file: '/bin/sh', args: ['-c', 'x'] })
  })

  it.each([
    [['no-such'], 'the program no-such is not in the PATH on this machine'],
    [['a-folder'], 'is not in the PATH'],
    [['./no-such'], 'the program ./no-such is not there'],
    [['../first/tool'], 'may not be executed'],
    [[], 'needs a command'],
    [[''], 'needs a command'],
  ])('refuses %j', (words, message) => {
    expect(() => command(words)).toThrow(message)
  })

  it('hands on the minimum, which the unit may replace', () => {
    const serverEnv = { PATH: '/server', HOME: '/home/me', DATABASE_URL: 'postgres://secret', PANDA_TOKEN: 't' }
    const { env } = command(['tool'], { A: '1' }, serverEnv)
    expect(env).toEqual({ PATH: expect.stringContaining('second') as unknown, HOME: '/home/me', A: '1' })
  })
})
