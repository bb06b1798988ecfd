import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander'
import { kebab, type Arguments, type Command, type Option, type Options } from './command.ts'
import { usageError } from './errors.ts'
import { FORMATS, GLOBAL_OPTIONS, type Format } from './globals.ts'
import type { Globals } from './session.ts'

export interface Parsed {
  readonly args: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly options: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>
  readonly words: readonly string[] | null
  readonly globals: Globals
}
type Raw = Readonly<Record<string, unknown>>

/** Reads the words behind a command's name by its data. Null when help was asked for. @throws CliError `usage`. */
export function parse(path: string, command: Command, argv: readonly string[]): Parsed | null {
  const dashes = argv.indexOf('--')
  const own = dashes === -1 ? argv : argv.slice(0, dashes)
  const words = dashes === -1 ? null : argv.slice(dashes + 1)
  if (words !== null && command.words === undefined) {
    throw usageError(`panda ${path} takes nothing behind --`, `See \`panda ${path} --help\`.`)
  }
  const all: Options = { ...GLOBAL_OPTIONS, ...nameOptions(command.args), ...command.options }
  refuseSwallowedOptions(own, all)
  const commander = build(path, command.args, all)
  try {
    commander.parse([...own], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') return null
    throw explain(error, path)
  }
  const raw: Raw = commander.opts()
  return {
    args: readArguments(path, command.args, commander.args, raw),
    options: readOptions(path, command.options, raw),
    words,
    globals: readGlobals(raw, command.options),
  }
}

function nameOptions(args: Arguments): Options {
  const named = Object.entries(args).filter(([, argument]) => argument.asOption === true)
  return Object.fromEntries(named.map(([key, { value, text }]) => [key, { kind: 'text', value, text }] as const))
}

function build(path: string, args: Arguments, all: Options): Commander {
  const commander = new Commander(`panda ${path}`)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .helpOption('-h, --help')
    .allowExcessArguments(true)
  for (const { value, many } of Object.values(args)) commander.argument(`[${value}${many === true ? '...' : ''}]`)
  for (const [key, option] of Object.entries(all)) commander.addOption(toCommander(key, option))
  return commander
}

function toCommander(key: string, option: Option): CommanderOption {
  const long = `--${kebab(key)}`
  const flags = option.short === undefined ? long : `-${option.short}, ${long}`
  if (option.kind === 'flag') {
    // Registered as --no-x, commander would turn it into `x: false`; ours are plain flags that begin with "no".
    const made = new CommanderOption(flags)
    made.negate = false
    made.attributeName = () => key
    return made
  }
  const made = new CommanderOption(`${flags} <value>`)
  made.attributeName = () => key
  if (option.kind === 'list') {
    made.argParser((value: string, before: unknown) => [...(Array.isArray(before) ? (before as string[]) : []), value])
  }
  return made
}

/** `--name --image x` names the cronjob "--image" for most parsers; here it says that the value is missing. */
function refuseSwallowedOptions(argv: readonly string[], all: Options): void {
  const flags = new Map(Object.entries(all).map(([key, option]) => [`--${kebab(key)}`, option]))
  for (const [index, word] of argv.entries()) {
    const option = flags.get(word)
    const next = argv[index + 1]
    if (option === undefined || option.kind === 'flag' || next === undefined) continue
    if (flags.has(next.split('=')[0] ?? '')) {
      throw usageError(`${word} needs a value: ${option.value}`, `A value that is really "${next}": ${word}=${next}`)
    }
  }
}

function explain(error: CommanderError, path: string): Error {
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = /\(Did you mean (.+)\?\)/.exec(more.join(' '))?.[1]
  const hint = suggestion === undefined ? `See \`panda ${path} --help\`.` : `Did you mean ${suggestion}?`
  return usageError(first.replaceAll("'", '"'), hint)
}

function readArguments(path: string, args: Arguments, given: readonly string[], raw: Raw): Parsed['args'] {
  const places = Object.values(args)
  if (given.length > places.length && places.at(-1)?.many !== true) throw tooMany(given.slice(places.length))
  const result: Record<string, string | readonly string[] | undefined> = {}
  for (const [index, [key, argument]] of Object.entries(args).entries()) {
    if (argument.many === true) {
      result[key] = given.slice(index)
      if (argument.required === true && given.length <= index) throw missing(path, [argument.value])
      continue
    }
    const positional = given[index]
    const named = argument.asOption === true ? (raw[key] as string | undefined) : undefined
    if (positional !== undefined && named !== undefined && positional !== named) {
      throw usageError(`two names are given: "${positional}" and --${kebab(key)} "${named}"`, 'Give one of them.')
    }
    const value = named ?? positional
    if (value === undefined && argument.required === true) throw missing(path, [argument.value])
    if (value !== undefined && argument.choices?.includes(value) === false) {
      throw usageError(`"${value}" is not one of ${argument.choices.join(', ')}`)
    }
    result[key] = value
  }
  return result
}

/** Mostly a schedule without quotes, which the shell has split (and whose `*` it has replaced by file names). */
function tooMany(extra: readonly string[]): Error {
  const shown = extra.slice(0, 5).join(' ')
  return usageError(
    `too many arguments: ${shown}${extra.length > 5 ? ' …' : ''}`,
    'Quote what holds blanks, e.g. --schedule "0 8 * * 1"; a command for the container goes behind --.',
  )
}

function seeHelp(path: string): string {
  return `See \`panda ${path} --help\`.`
}

function missing(path: string, what: readonly string[]): Error {
  return usageError(`panda ${path} needs ${what.join(' and ')}`, `See \`panda ${path} --help\`.`)
}

function readOptions(path: string, options: Options, raw: Raw): Parsed['options'] {
  const absent = Object.entries(options).filter(
    ([key, option]) => option.kind !== 'flag' && option.required === true && raw[key] === undefined,
  )
  if (absent.length > 0)
    throw missing(
      path,
      absent.map(([key]) => `--${kebab(key)}`),
    )
  return Object.fromEntries(
    Object.entries(options).map(([key, option]) => [key, readOption(path, key, option, raw[key])]),
  )
}

function readOption(path: string, key: string, option: Option, value: unknown): Parsed['options'][string] {
  if (option.kind === 'flag') return value === true
  if (option.kind === 'list') return (value as readonly string[] | undefined) ?? []
  if (value === undefined) return undefined
  const text = value as string
  if (option.kind === 'integer') {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(number >= option.min)) {
      throw usageError(`--${kebab(key)}: "${text}" is not a whole number of at least ${option.min}`, seeHelp(path))
    }
    return number
  }
  if (option.kind === 'choice' && !option.choices.includes(text)) {
    throw usageError(`--${kebab(key)}: "${text}" is not one of ${option.choices.join(', ')}`, seeHelp(path))
  }
  return text
}

/** A command's own option of the same name wins: `alert create --url` is the receiver's address, not the server's. */
function readGlobals(raw: Raw, own: Options): Globals {
  const text = (key: string) => (Object.hasOwn(own, key) ? undefined : (raw[key] as string | undefined))
  const named = text('output')
  const format = FORMATS.find((format) => format === named)
  if (named !== undefined && format === undefined) {
    throw usageError(`--output: "${named}" is not one of ${FORMATS.join(', ')}`)
  }
  if (raw['json'] === true && format !== undefined && format !== 'json') {
    throw usageError(`--json and -o ${format} contradict each other`)
  }
  const chosen: Format = raw['json'] === true ? 'json' : (format ?? 'table')
  return {
    format: chosen,
    project: text('project'),
    url: text('url'),
    context: text('context'),
    noColor: raw['noColor'] === true,
    noInput: raw['noInput'] === true,
    yes: raw['yes'] === true,
  }
}
