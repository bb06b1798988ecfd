import { describe, expect, it } from 'vitest'
import { choice, defineCommand, flag, integer, list, text } from './command.ts'
import { CliError } from './errors.ts'
import { parse } from './parse.ts'

const command = defineCommand({
  args: { name: { value: 'NAME', text: '', required: true, asOption: true } },
  options: {
    image: text('IMAGE', '', { required: true }),
    env: list('KEY=VALUE', ''),
    missedLimit: integer('N', ''),
    policy: choice(['allow', 'forbid'], ''),
    wait: flag(''),
    follow: flag('', { short: 'f' }),
  },
  words: 'the command',
  examples: [
    { line: 'panda x', note: '' },
    { line: 'panda x', note: '' },
  ],
  run: () => Promise.resolve(),
})
const read = (...argv: string[]) => parse('x', command, argv)
const good = ['job', '--image', 'i']

function refusal(...argv: string[]): { message: string; hint: string | undefined } {
  try {
    read(...argv)
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    expect(error).toMatchObject({ code: 'usage', exitCode: 2 })
    return { message: error.message, hint: error.fields.hint }
  }
  throw new Error('it was understood')
}

describe('parse', () => {
  it('reads arguments, options and what stands behind --', () => {
    expect(read(...good, '--env', 'A=1', '--env=B=2', '--missed-limit', '3', '-f', '--', 'sh', '--env', 'x')).toEqual({
      args: { name: 'job' },
      options: { image: 'i', env: ['A=1', 'B=2'], missedLimit: 3, policy: undefined, wait: false, follow: true },
      words: ['sh', '--env', 'x'],
      globals: {
        format: 'table',
        project: undefined,
        url: undefined,
        context: undefined,
        noColor: false,
        noInput: false,
        yes: false,
      },
    })
  })

  it('takes values that begin with a dash', () => {
    expect(read(...good, '--env', 'A=-x', '--env', '-=-')?.options['env']).toEqual(['A=-x', '-=-'])
    expect(read('--name=-x', '--image', '-i')).toMatchObject({ args: { name: '-x' }, options: { image: '-i' } })
  })

  it('takes the name as argument or option, and not two of them', () => {
    expect(read('--name', 'job', '--image', 'i')?.args).toEqual({ name: 'job' })
    expect(read('job', '--name', 'job', '--image', 'i')?.args).toEqual({ name: 'job' })
    expect(refusal('one', '--name', 'two', '--image', 'i').message).toBe('two names are given: "one" and --name "two"')
  })

  it('reads the options that all commands have', () => {
    expect(read(...good, '--no-color', '--no-input', '-y', '-p', 'shop', '--json')?.globals).toMatchObject({
      format: 'json',
      project: 'shop',
      noColor: true,
      noInput: true,
      yes: true,
    })
    expect(read(...good, '-oyaml')?.globals.format).toBe('yaml')
  })

  it('answers null for help', () => {
    expect(read('--help')).toBeNull()
    expect(read('-h')).toBeNull()
  })

  it.each([
    ['what is missing, all at once', ['job'], 'panda x needs --image', 'See `panda x --help`.'],
    ['a missing name', ['--image', 'i'], 'panda x needs NAME', 'See `panda x --help`.'],
    ['an unknown option', [...good, '--imgae', 'j'], 'unknown option "--imgae"', 'Did you mean --image?'],
    ['an option without its value', ['--name', '--image', 'i'], '--name needs a value: NAME', undefined],
    ['a value at the end', ['job', '--image'], 'option "--image <value>" argument missing', undefined],
    [
      'too many arguments',
      [...good, 'more'],
      'too many arguments: more',
      'Quote what holds blanks, e.g. --schedule "0 8 * * 1"; a command for the container goes behind --.',
    ],
    [
      'no number',
      [...good, '--missed-limit', '1e3'],
      '--missed-limit: "1e3" is not a whole number of at least 1',
      undefined,
    ],
    ['a number too small', [...good, '--missed-limit', '0'], '--missed-limit: "0" is not', undefined],
    ['an unknown choice', [...good, '--policy', 'deny'], '--policy: "deny" is not one of allow, forbid', undefined],
    ['an unknown format', [...good, '-o', 'xml'], '--output: "xml" is not one of table, wide, json', undefined],
    ['two formats', [...good, '--json', '-o', 'yaml'], '--json and -o yaml contradict each other', undefined],
  ])('names %s', (_, argv, message, hint) => {
    const refused = refusal(...argv)
    expect(refused.message).toContain(message)
    if (hint !== undefined) expect(refused.hint).toBe(hint)
  })

  it('takes nothing behind -- where nothing is meant to be', () => {
    const { words: _, ...without } = command
    expect(() => parse('x', without, [...good, '--', 'a'])).toThrow('takes nothing behind --')
  })
})
