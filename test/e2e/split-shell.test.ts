import { describe, expect, it } from 'vitest'
import { splitShell } from './split-shell.ts'

describe('the words that a shell makes of a command', () => {
  it.each([
    ['panda cronjob list', ['panda', 'cronjob', 'list']],
    ['a \\\n  --name "weekly digest" \\\n  b', ['a', '--name', 'weekly digest', 'b']],
    [`a '* * "x"' ""`, ['a', '* * "x"', '']],
    ['a K="1 2"3', ['a', 'K=1 23']],
    ['a b\\ c "d\\"e" "f\\g"', ['a', 'b c', 'd"e', 'f\\g']],
    ['  ', []],
  ])('%j', (text, words) => {
    expect(splitShell(text)).toEqual(words)
  })

  it.each(['a $HOME', 'a; b', 'a | b', 'a "x', 'a \\', 'a `b`', 'a > b'])('refuses %j', (text) => {
    expect(() => splitShell(text)).toThrow()
  })
})
