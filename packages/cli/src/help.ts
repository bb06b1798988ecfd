import { kebab, type Command, type Noun, type Option } from './command.ts'
import { GLOBAL_OPTIONS } from './globals.ts'
import { EXIT_CODES } from './exit-codes.ts'
import type { Style } from './output/style.ts'

const DOCS = 'docs/reference/cli.md'

function rows(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(
    30,
    pairs.reduce((most, [left]) => Math.max(most, left.length), 0),
  )
  // A long left side pushes its own text only, not everybody's.
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}

function optionLine(key: string, option: Option): readonly [string, string] {
  const short = option.short === undefined ? '' : `-${option.short}, `
  const value = option.kind === 'flag' ? '' : ` ${option.value}`
  const notes = [
    option.kind !== 'flag' && option.required === true ? 'needed' : '',
    option.kind === 'list' ? 'repeatable' : '',
  ].filter((note) => note !== '')
  return [`${short}--${kebab(key)}${value}`, notes.length === 0 ? option.text : `${option.text} (${notes.join(', ')})`]
}

export function usageLine(path: string, command: Command): string {
  const args = Object.values(command.args).map(({ value, required, many }) => {
    const name = many === true ? `${value}…` : value
    return required === true ? name : `[${name}]`
  })
  const options = Object.keys(command.options).length === 0 ? [] : ['[options]']
  return [`panda ${path}`, ...args, ...options, ...(command.words === undefined ? [] : ['[-- WORD…]'])].join(' ')
}

/** The lines about arguments and options, also used for docs/reference/cli.md. */
export function parameters(command: Command): (readonly [string, string])[] {
  return [
    ...Object.entries(command.args).map(([key, { value, text, asOption }]): readonly [string, string] => [
      value,
      asOption === true ? `${text} (or --${kebab(key)} ${value})` : text,
    ]),
    ...Object.entries(command.options).map(([key, option]) => optionLine(key, option)),
    ...(command.words === undefined ? [] : [['-- WORD…', command.words] as const]),
  ]
}

export function commandHelp(path: string, summary: string, command: Command, style: Style): string {
  const lines = parameters(command)
  return [
    summary,
    ...(command.details ?? []),
    '',
    `${style.bold('Usage:')} ${usageLine(path, command)}`,
    '',
    style.bold('Examples:'),
    ...command.examples.flatMap(({ line, note }) => [`  ${line}`, style.dim(`      ${note}`)]),
    ...(lines.length === 0 ? [] : ['', style.bold('Options:'), ...rows(lines)]),
    '',
    style.dim(`Everywhere: -o FORMAT, -p PROJECT, … (panda help options). More: ${DOCS}`),
  ].join('\n')
}

export function nounHelp(noun: Noun, style: Style): string {
  return [
    noun.summary,
    '',
    `${style.bold('Usage:')} panda ${noun.name} COMMAND`,
    '',
    style.bold('Commands:'),
    ...rows(noun.verbs.map(({ name, summary }) => [name, summary] as const)),
    '',
    style.dim(`panda ${noun.name} COMMAND --help shows examples. ${aliasNote(noun)}`.trimEnd()),
  ].join('\n')
}

function aliasNote(noun: Noun): string {
  return noun.aliases.length === 0 ? '' : `Also: panda ${noun.aliases.join(', panda ')}.`
}

export function overview(nouns: readonly Noun[], style: Style): string {
  return [
    'panda: cronjobs on your own machines, every tick accounted for.',
    '',
    `${style.bold('Usage:')} panda COMMAND [options]`,
    '',
    style.bold('Start:'),
    '  panda server',
    '  panda cronjob create weekly-digest --image your-org/mailer:latest --schedule "0 8 * * 1"',
    '  panda cronjob run weekly-digest --follow',
    '',
    style.bold('Commands:'),
    ...rows(nouns.filter(({ hidden }) => hidden !== true).map(({ name, summary }) => [name, summary] as const)),
    '',
    `${style.bold('Topics:')} panda help options, panda help exit-codes`,
    style.dim(`panda COMMAND --help shows examples. More: ${DOCS}`),
  ].join('\n')
}

export function globalParameters(): (readonly [string, string])[] {
  return [
    ...Object.entries(GLOBAL_OPTIONS).map(([key, option]) => optionLine(key, option)),
    ['-h, --help', 'Show help for a command'],
    ['-V, --version', 'Show the version'],
  ]
}

export function optionsHelp(style: Style): string {
  return [
    'Options that every command takes',
    '',
    ...rows(globalParameters()),
    '',
    'Formats: table, wide (more columns), json and yaml (the shape of the API), name (one per line).',
    'Address, token and project, each from the first that has it: flag; PANDA_URL, PANDA_TOKEN,',
    'PANDA_PROJECT; the server in PANDA_HOME when it is set; the current context (panda login); the',
    'server of this machine; http://127.0.0.1:7300. The token has no flag: others can see command lines.',
    '',
    style.dim('FORCE_COLOR=1 colours pipes too; PANDA_DEBUG=1 adds the stack to a bug.'),
  ].join('\n')
}

export function exitCodesHelp(): string {
  return [
    'What panda answers to the shell',
    '',
    ...rows(EXIT_CODES.map(([code, meaning]) => [String(code), meaning] as const)),
    '',
    'With `panda cronjob run NAME --wait --exit-code` the own code of the container is answered instead of 5.',
  ].join('\n')
}
