import type { Arguments, Call, Command, Options } from './command.ts'
import { NOUNS } from './catalogue.ts'
import { toCliError, usageError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import { write, type Io } from './io.ts'
import { findNoun, locate, type Located } from './locate.ts'
import { createStyle, wantsColor, type Style } from './output/style.ts'
import { VERSION } from './version.ts'

/** One command line from argv to exit code. Nothing else in the CLI decides about exit codes or prints errors. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  try {
    const located = locate(argv, NOUNS)
    if (located.kind === 'version') {
      await write(io.stdout, `panda ${VERSION}\n`)
      return EXIT.ok
    }
    if (located.kind === 'help') return await showHelp(located.topic, io, await styleOf(argv, io))
    return await runCommand(located, argv, io)
  } catch (error) {
    await report(error, argv, io)
    return toCliError(error).exitCode
  }
}

function styleOf(argv: readonly string[], io: Io): Promise<Style> {
  return createStyle(wantsColor(io.stdout, io.env, argv.includes('--no-color')))
}

async function runCommand(
  located: Extract<Located, { kind: 'command' }>,
  argv: readonly string[],
  io: Io,
): Promise<number> {
  const [command, { parse }, { Session }] = await Promise.all([
    located.entry.load(),
    import('./parse.ts'),
    import('./session.ts'),
  ])
  const parsed = parse(located.path, command, located.rest)
  if (parsed === null) return commandHelpTo(located.path, located.entry.summary, command, io, await styleOf(argv, io))
  const session = await Session.open(io, parsed.globals)
  const { args, options, words } = parsed
  const call = { args, options, words, session } as Call<Arguments, Options>
  return (await command.run(call)) ?? EXIT.ok
}

async function commandHelpTo(path: string, summary: string, command: Command, io: Io, style: Style): Promise<number> {
  const { commandHelp } = await import('./help.ts')
  await write(io.stdout, `${commandHelp(path, summary, command, style)}\n`)
  return EXIT.ok
}

async function showHelp(topic: readonly string[], io: Io, style: Style): Promise<number> {
  const help = await import('./help.ts')
  const [first, second] = topic
  if (first === undefined) await write(io.stdout, `${help.overview(NOUNS, style)}\n`)
  else if (first === 'exit-codes') await write(io.stdout, `${help.exitCodesHelp()}\n`)
  else if (first === 'options') await write(io.stdout, `${help.optionsHelp(style)}\n`)
  else {
    const noun = findNoun(first, NOUNS)
    if (second === undefined && noun.load === undefined) {
      await write(io.stdout, `${help.nounHelp(noun, style)}\n`)
      return EXIT.ok
    }
    const located = locate(second === undefined ? [first] : [first, second], NOUNS)
    if (located.kind !== 'command') throw usageError(`there is no help for "${topic.join(' ')}"`)
    return commandHelpTo(located.path, located.entry.summary, await located.entry.load(), io, style)
  }
  return EXIT.ok
}

async function report(error: unknown, argv: readonly string[], io: Io): Promise<void> {
  const [{ renderError, renderProblem }, shown] = [await import('./output/error.ts'), toCliError(error)]
  const style = await createStyle(wantsColor(io.stderr, io.env, argv.includes('--no-color')))
  await write(io.stderr, `${wantsJson(argv) ? renderProblem(shown) : renderError(shown, style)}\n`)
  if ((io.env['PANDA_DEBUG'] ?? '') !== '' && error instanceof Error) await write(io.stderr, `${error.stack ?? ''}\n`)
}

/** From the raw words, since the error may be that they cannot be parsed. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  const own = end === -1 ? argv : argv.slice(0, end)
  return own.some(
    (word, index) =>
      word === '--json' ||
      word === '-ojson' ||
      word === '--output=json' ||
      ((word === '-o' || word === '--output') && own[index + 1] === 'json'),
  )
}
