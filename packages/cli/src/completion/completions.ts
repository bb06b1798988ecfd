import { RootCommand, type Complete } from '@bomb.sh/tab'
import { kebab, type Command, type Completes, type Noun, type Options } from '../command.ts'
import { GLOBAL_OPTIONS } from '../globals.ts'
import type { Session } from '../session.ts'
import { liveNames, type LiveName } from './live-names.ts'

/**
 * Prints what may come next, in the form that the scripts of @bomb.sh/tab read. Only the command that is being typed
 * is loaded, and only names of the kind that it takes are asked from the server.
 */
export async function complete(session: Session, nouns: readonly Noun[], words: readonly string[]): Promise<void> {
  const root = new RootCommand()
  const [first = '', second = ''] = words
  const noun = nouns.find(({ name, aliases }) => name === first || aliases.includes(first))
  for (const { name, summary } of nouns.filter(({ hidden }) => hidden !== true)) root.command(name, summary)
  if (noun !== undefined) {
    // Under the word that was typed, so that `panda cronjobs <TAB>` works as `panda cronjob <TAB>`.
    for (const { name, summary } of noun.verbs) root.command(`${first} ${name}`, summary)
    const verb = noun.verbs.find(({ name }) => name === second)
    const load = verb?.load ?? (noun.verbs.length === 0 ? noun.load : undefined)
    const path = verb === undefined ? first : `${first} ${second}`
    if (load !== undefined) await describe(session, root, path, await load(), words)
  }
  root.parse([...words])
}

async function describe(
  session: Session,
  root: RootCommand,
  path: string,
  command: Command,
  words: readonly string[],
): Promise<void> {
  const made = root.command(path, '')
  const names = await namesFor(session, command, words)
  for (const argument of Object.values(command.args)) {
    const offer = offers(argument.choices, argument.completes, names)
    made.argument(argument.value, (complete: Complete) => offer(complete), argument.many === true)
  }
  const options: Options = { ...command.options, ...GLOBAL_OPTIONS, ...namedArguments(command) }
  for (const [key, option] of Object.entries(options)) {
    if (option.kind === 'flag') made.option(kebab(key), option.text, option.short ?? '')
    else {
      const offer = offers('choices' in option ? option.choices : undefined, option.completes, names)
      made.option(kebab(key), option.text, (complete: Complete) => offer(complete), option.short ?? '')
    }
  }
}

function namedArguments(command: Command): Options {
  const named = Object.entries(command.args).filter(([, { asOption }]) => asOption === true)
  return Object.fromEntries(named.map(([key, argument]) => [key, { kind: 'text', ...argument }] as const))
}

type Names = ReadonlyMap<Completes, readonly LiveName[]>

function offers(choices: readonly string[] | undefined, completes: Completes | undefined, names: Names) {
  const live = completes === undefined ? [] : (names.get(completes) ?? [])
  return (complete: Complete) => {
    for (const choice of choices ?? []) complete(choice, '')
    for (const { name, about } of live) complete(name, about)
  }
}

/** Asked beforehand, since the library's handlers cannot wait. What is about to be typed decides which kinds. */
async function namesFor(session: Session, command: Command, words: readonly string[]): Promise<Names> {
  const before = words.at(-2) ?? ''
  const typed = words.at(-1) ?? ''
  const options: Options = { ...command.options, ...GLOBAL_OPTIONS, ...namedArguments(command) }
  const option = Object.entries(options).find(
    ([key, { short }]) =>
      before === `--${kebab(key)}` || typed.startsWith(`--${kebab(key)}=`) || before === `-${short ?? '-'}`,
  )?.[1]
  const kinds = new Set<Completes>()
  if (option !== undefined && option.kind !== 'flag') {
    if (option.completes !== undefined) kinds.add(option.completes)
  } else if (!typed.startsWith('-')) {
    for (const { completes } of Object.values(command.args)) if (completes !== undefined) kinds.add(completes)
  }
  const names = new Map<Completes, readonly LiveName[]>()
  for (const kind of kinds) names.set(kind, await liveNames(session, kind))
  return names
}
