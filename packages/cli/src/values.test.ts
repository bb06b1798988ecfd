import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Session } from './session.ts'
import { orNone, parsePairs, parseWords, readEnvFiles, readSecret } from './values.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'panda-cli-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('parsePairs', () => {
  it('splits at the first =, keeps what follows as it is', () => {
    expect(parsePairs(['A=1', 'B=', 'C=x=y', 'D=-x', 'E= blanks '])).toEqual({
      A: '1',
      B: '',
      C: 'x=y',
      D: '-x',
      E: ' blanks ',
    })
  })
  it('lets the last one win', () => expect(parsePairs(['A=1', 'A=2'])).toEqual({ A: '2' }))
  it.each(['A', '=x', ''])('refuses %j', (pair) => expect(() => parsePairs([pair])).toThrow('is not KEY=VALUE'))
  it('gives back whatever value it was given', () => {
    fc.assert(fc.property(fc.string(), (value) => parsePairs([`KEY=${value}`])['KEY'] === value))
  })
})

describe('readEnvFiles', () => {
  it('reads dotenv files, later ones win', async () => {
    const [first, second] = [join(folder, 'a.env'), join(folder, 'b.env')]
    await writeFile(first, '# comment\nA=1\nB="two words"\nexport C=3\n')
    await writeFile(second, 'A=other\n')
    expect(await readEnvFiles([first, second])).toEqual({ A: 'other', B: 'two words', C: '3' })
  })
  it('names a file that is not there', async () => {
    await expect(readEnvFiles([join(folder, 'absent')])).rejects.toMatchObject({ code: 'file_unreadable', exitCode: 2 })
  })
})

describe('readSecret', () => {
  const session = (stdin: string) =>
    ({
      io: { stdin: Readable.from([stdin]) },
      askSecret: (question: string) => Promise.resolve(`asked: ${question}`),
    }) as unknown as Session

  it('asks, reads standard input or a file', async () => {
    const file = join(folder, 'key')
    await writeFile(file, 'from-file\n')
    expect(await readSecret(session(''), 'KEY')).toEqual({ name: 'KEY', value: 'asked: Value of KEY' })
    expect(await readSecret(session('from-stdin\n'), 'KEY=-')).toEqual({ name: 'KEY', value: 'from-stdin' })
    expect(await readSecret(session(''), `KEY@${file}`)).toEqual({ name: 'KEY', value: 'from-file' })
  })
  it('drops one line feed at the end and nothing else', async () => {
    expect((await readSecret(session(' a\nb\n\n'), 'KEY=-')).value).toBe(' a\nb\n')
  })
  it('refuses a value on the command line without repeating it', async () => {
    const refused = readSecret(session(''), 'KEY=hunter2')
    await expect(refused).rejects.toMatchObject({ exitCode: 2 })
    await expect(refused).rejects.not.toThrow('hunter2')
  })
  it.each(['', '=x', '@f', 'KEY@'])('refuses %j', async (spec) => {
    await expect(readSecret(session(''), spec)).rejects.toMatchObject({ exitCode: 2 })
  })
  it('refuses an empty value and more than 1 MiB', async () => {
    await expect(readSecret(session('\n'), 'KEY=-')).rejects.toThrow('is empty')
    await expect(readSecret(session('x'.repeat(1024 * 1024 + 1)), 'KEY=-')).rejects.toThrow('1 MiB')
  })
})

describe('parseWords', () => {
  it('reads JSON arrays and single words', () => {
    expect(parseWords('["sh","-c","a b"]', '--command')).toEqual(['sh', '-c', 'a b'])
    expect(parseWords('/bin/run me', '--entrypoint')).toEqual(['/bin/run me'])
  })
  it.each(['[', '[]', '[1]', '["a",null]'])('refuses %s', (text) =>
    expect(() => parseWords(text, '--command')).toThrow('--command'),
  )
})

it('reads none as no limit', () => {
  expect(orNone('none')).toBeNull()
  expect(orNone('5m')).toBe('5m')
})
