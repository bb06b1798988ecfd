import { kebab, type Entry, type Noun } from './command.ts'
import { usageError } from './errors.ts'
import { GLOBAL_OPTIONS } from './globals.ts'
import { didYouMean } from './suggest.ts'

/** What an argv asks for, before any command is loaded. */
export type Located =
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly topic: readonly string[] }
  | { readonly kind: 'command'; readonly path: string; readonly entry: Entry; readonly rest: readonly string[] }

const VALUED = new Set(
  Object.entries(GLOBAL_OPTIONS)
    .filter(([, option]) => option.kind !== 'flag')
    .flatMap(([key, option]) => ['short' in option ? `-${option.short}` : '', `--${kebab(key)}`]),
)

/** @throws CliError with what was probably meant. */
export function locate(argv: readonly string[], nouns: readonly Noun[]): Located {
  const { leading, words } = splitLeading(argv)
  if (leading.includes('--version') || leading.includes('-V')) return { kind: 'version' }
  const [first, ...after] = words
  if (first === undefined) return { kind: 'help', topic: [] }
  if (first === 'version') return { kind: 'version' }
  if (first === 'help') return { kind: 'help', topic: after.filter((word) => !word.startsWith('-')) }
  if (leading.includes('--help') || leading.includes('-h')) return { kind: 'help', topic: [first] }
  const noun = findNoun(first, nouns)
  return inNoun(noun, after, leading)
}

function inNoun(noun: Noun, after: readonly string[], leading: readonly string[]): Located {
  const asked = splitLeading(after)
  const verb = asked.words[0]
  const found = verb === undefined ? undefined : noun.verbs.find(({ name }) => name === verb)
  if (found !== undefined) {
    const rest = [...leading, ...asked.leading, ...asked.words.slice(1)]
    return { kind: 'command', path: `${noun.name} ${found.name}`, entry: found, rest }
  }
  if (noun.load !== undefined) {
    const entry = { name: noun.name, summary: noun.summary, load: noun.load }
    return { kind: 'command', path: noun.name, entry, rest: [...leading, ...after] }
  }
  if (verb === undefined) return { kind: 'help', topic: [noun.name] }
  if (verb === 'help') return { kind: 'help', topic: [noun.name, ...asked.words.slice(1)] }
  const names = noun.verbs.map(({ name }) => name)
  throw usageError(
    `panda ${noun.name} has no command "${verb}"`,
    didYouMean(verb, names, `panda ${noun.name} `) ?? `There are: ${names.join(', ')}.`,
  )
}

/** @throws CliError with what was probably meant. */
export function findNoun(word: string, nouns: readonly Noun[]): Noun {
  const noun = nouns.find(({ name, aliases }) => name === word || aliases.includes(word))
  if (noun !== undefined) return noun
  const names = nouns.filter(({ hidden }) => hidden !== true).map(({ name }) => name)
  throw usageError(
    `there is no command "${word}"`,
    didYouMean(word, names, 'panda ') ?? 'See `panda --help` for all commands.',
  )
}

/** Options before the first word, with their values: `panda -p shop cronjob list`. */
function splitLeading(argv: readonly string[]): { leading: string[]; words: string[] } {
  let at = 0
  while (at < argv.length) {
    const word = argv[at] ?? ''
    if (!word.startsWith('-') || word === '-' || word === '--') break
    at += VALUED.has(word) ? 2 : 1
  }
  return { leading: argv.slice(0, at), words: argv.slice(at) }
}
