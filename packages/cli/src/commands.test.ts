import { describe, expect, it } from 'vitest'
import { splitShell } from '../../../test/e2e/split-shell.ts'
import { NOUNS } from './catalogue.ts'
import type { Entry, Noun } from './command.ts'
import { CliError } from './errors.ts'
import { commandHelp } from './help.ts'
import { locate } from './locate.ts'
import { createStyle } from './output/style.ts'
import { parse } from './parse.ts'

const off = await createStyle(false)

const commands = NOUNS.flatMap((noun: Noun): { path: string; entry: Entry }[] => [
  ...noun.verbs.map((entry) => ({ path: `${noun.name} ${entry.name}`, entry })),
  ...(noun.load === undefined ? [] : [{ path: noun.name, entry: { ...noun, load: noun.load } }]),
])

/** What stands before the first redirection of the shell. */
function wordsOf(line: string): string[] {
  return splitShell(line.split(/ [<>]{1,2} /)[0] ?? line)
}

describe.each(commands)('panda $path', ({ path, entry }) => {
  it('has a help of at most 40 lines and 110 columns', async () => {
    const lines = commandHelp(path, entry.summary, await entry.load(), off).split('\n')
    expect(lines.length).toBeLessThanOrEqual(40)
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(110)
  })

  it('has two or more examples that it understands', async () => {
    const command = await entry.load()
    expect(command.examples.length).toBeGreaterThanOrEqual(2)
    let own = 0
    for (const { line } of command.examples) {
      const [program, ...argv] = wordsOf(line)
      expect(program).toBe('panda')
      const located = locate(argv, NOUNS)
      if (located.kind !== 'command') throw new Error(`${line} is no command`)
      if (located.path === path) own += 1
      expect(parse(located.path, await located.entry.load(), located.rest)).not.toBeNull()
    }
    expect(own).toBeGreaterThanOrEqual(1)
  })

  it('refuses an option that it does not have', async () => {
    const command = await entry.load()
    expect(() => parse(path, command, ['--no-such-option'])).toThrow(CliError)
  })
})
