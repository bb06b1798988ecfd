import { EXIT_CODES } from './exit-codes.ts'
import type { Command, Entry, Noun } from './command.ts'
import { parameters, usageLine } from './help.ts'

/** docs/reference/cli.md, made of the commands themselves; scripts/cli-reference.ts writes it, a test compares it. */
export async function cliReference(
  nouns: readonly Noun[],
  globals: readonly (readonly [string, string])[],
): Promise<string> {
  const parts: string[] = [
    '# The command line',
    'Made from the commands by `scripts/cli-reference.ts`; do not edit. `panda COMMAND --help` shows the same.',
    table('Options that every command takes', ['option', 'meaning'], globals),
    table(
      'Exit codes',
      ['code', 'meaning'],
      EXIT_CODES.map(([code, meaning]) => [String(code), meaning] as const),
    ),
  ]
  for (const noun of nouns) {
    if (noun.hidden === true) continue
    const { name, summary, aliases, load, verbs } = noun
    const also = aliases.length === 0 ? '' : ` Also: \`panda ${aliases.join('`, `panda ')}\`.`
    parts.push(`## panda ${name}`)
    if (verbs.length > 0) parts.push(`${summary}.${also}`)
    if (load !== undefined) parts.push(section(name, noun, await load()))
    for (const entry of verbs) {
      parts.push(`### panda ${name} ${entry.name}`, section(`${name} ${entry.name}`, entry, await entry.load()))
    }
  }
  return `${parts.join('\n\n')}\n`
}

function section(path: string, { summary }: Pick<Entry, 'summary'>, command: Command): string {
  const details = command.details ?? []
  const examples = command.examples.flatMap(({ line, note }) => [`# ${note}`, line])
  return [
    `${summary}.${details.length === 0 ? '' : ` ${details.map(sentence).join(' ')}`}`,
    ['```sh', usageLine(path, command), '', ...examples, '```'].join('\n'),
    ...(parameters(command).length === 0 ? [] : [rows(['argument or option', 'meaning'], parameters(command))]),
  ].join('\n\n')
}

function sentence(text: string): string {
  return text.replaceAll('<', '&lt;')
}

function table(title: string, head: readonly [string, string], pairs: readonly (readonly [string, string])[]): string {
  return `## ${title}\n\n${rows(head, pairs)}`
}

function rows(head: readonly [string, string], pairs: readonly (readonly [string, string])[]): string {
  const lines = pairs.map(([left, right]) => `| \`${cell(left)}\` | ${cell(right)} |`)
  return [`| ${head[0]} | ${head[1]} |`, '| --- | --- |', ...lines].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`)
}
