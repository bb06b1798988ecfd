import { describe, expect, it } from 'vitest'
import { NOUNS } from './catalogue.ts'
import { CliError } from './errors.ts'
import { locate } from './locate.ts'

function summary(...argv: string[]): unknown {
  const located = locate(argv, NOUNS)
  return located.kind === 'command' ? [located.path, located.rest] : located
}

function hintFor(...argv: string[]): string | undefined {
  try {
    locate(argv, NOUNS)
  } catch (error) {
    if (error instanceof CliError) return error.fields.hint
    throw error
  }
  throw new Error('it was understood')
}

describe('locate', () => {
  it.each([
    [
      ['cronjob', 'list'],
      ['cronjob list', []],
    ],
    [
      ['cronjobs', 'list', '-o', 'json'],
      ['cronjob list', ['-o', 'json']],
    ],
    [
      ['cj', 'run', 'x'],
      ['cronjob run', ['x']],
    ],
    [
      ['-p', 'shop', 'cronjob', 'list'],
      ['cronjob list', ['-p', 'shop']],
    ],
    [
      ['--json', 'cronjob', '--project', 'shop', 'list'],
      ['cronjob list', ['--json', '--project', 'shop']],
    ],
    [
      ['status', '-o', 'json'],
      ['status', ['-o', 'json']],
    ],
    [
      ['cronjob', 'run', '--help'],
      ['cronjob run', ['--help']],
    ],
  ])('%j', (argv, expected) => expect(summary(...argv)).toEqual(expected))

  it.each([
    [[], { kind: 'help', topic: [] }],
    [['--help'], { kind: 'help', topic: [] }],
    [['help', 'exit-codes'], { kind: 'help', topic: ['exit-codes'] }],
    [['cronjob'], { kind: 'help', topic: ['cronjob'] }],
    [['cronjob', '--help'], { kind: 'help', topic: ['cronjob'] }],
    [['cronjob', 'help', 'run'], { kind: 'help', topic: ['cronjob', 'run'] }],
    [['--no-color', '--version'], { kind: 'version' }],
    [['version'], { kind: 'version' }],
  ])('%j', (argv, expected) => expect(summary(...argv)).toEqual(expected))

  it('suggests what was meant', () => {
    expect(hintFor('cronjb')).toBe('Did you mean "panda cronjob"?')
    expect(hintFor('cronjob', 'craete')).toBe('Did you mean "panda cronjob create"?')
    expect(hintFor('alert', 'zzz')).toContain('There are: create, list, get')
    expect(hintFor('complet')).toBe('Did you mean "panda completion"?')
    expect(hintFor('zzzzzz')).toContain('panda --help')
  })
})
