import { access, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { NOUNS } from './catalogue.ts'

const root = join(import.meta.dirname, '../../..')
const FOLDERS = [
  '.',
  'docs',
  'docs/guides',
  'docs/reference',
  'examples/signup-events',
  'examples/uploads',
  'examples/weekly-digest',
]

const pages = new Map<string, string>()

beforeAll(async () => {
  for (const folder of FOLDERS) {
    for (const name of await readdir(join(root, folder))) {
      if (name.endsWith('.md')) pages.set(join(folder, name), await readFile(join(root, folder, name), 'utf8'))
    }
  }
})

/** Blocks and spans of code, which is where commands are meant to be typed; not those of what is to come. */
function codeOf(whole: string): string[] {
  const page = whole.replace(/^## Not yet\n[^]*?(?=^## |$(?![^]))/m, '')
  const fences = [...page.matchAll(/^```[^\n]*\n([^]*?)^```/gm)].map((found) => found[1] ?? '')
  const spans = [...page.replaceAll(/^```[^]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map((found) => found[1] ?? '')
  return [...fences, ...spans]
}

/** Every `panda noun verb` at the beginning of a line, or behind npx or a prompt. */
function commandsOf(page: string): string[] {
  return codeOf(page).flatMap((code) =>
    [...code.matchAll(/^(?:\$ |npx )*panda ([a-z]+)(?: ([a-z-]+))?/gm)].map(({ 1: noun, 2: verb }) =>
      [noun, verb].join(' ').trim(),
    ),
  )
}

function isCommand(words: string): boolean {
  const [name = '', verb] = words.split(' ')
  const noun = NOUNS.find((each) => each.name === name || each.aliases.includes(name))
  if (noun === undefined) return false
  // `panda apply` and the like have no verb; a name of their own may follow.
  const verbs = noun.verbs.map((each) => each.name)
  return verb === undefined || noun.load !== undefined || verbs.includes(verb)
}

/** As GitHub names the headings. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(({ 1: title = '' }) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

async function brokenLinks(name: string, page: string): Promise<string[]> {
  const broken: string[] = []
  for (const { 1: link = '' } of page.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? name : join(dirname(name), path)
    const exists = await access(join(root, target)).then(
      () => true,
      () => false,
    )
    const lacksAnchor = anchor !== undefined && !anchorsOf(pages.get(target) ?? '').includes(anchor)
    if (!exists || lacksAnchor) broken.push(link)
  }
  return broken
}

/** The table under a heading, without the links' targets, which depend on the page's folder. */
function tableOf(page: string | undefined, heading: string): string[] {
  const lines = (page ?? '').split('\n')
  const from = lines.indexOf(heading)
  const first = lines.findIndex((line, at) => at > from && line.startsWith('|'))
  const past = lines.findIndex((line, at) => at > first && !line.startsWith('|'))
  return lines.slice(first, past).map((line) => line.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1'))
}

describe('the documentation', () => {
  it('names only commands that there are', () => {
    const unknown = [...pages].flatMap(([name, page]) =>
      commandsOf(page)
        .filter((words) => !isCommand(words))
        .map((words) => `${name}: panda ${words}`),
    )
    expect(unknown).toEqual([])
    expect(commandsOf(pages.get('README.md') ?? '').length).toBeGreaterThan(10)
  })

  it('links only to what exists', async () => {
    const broken = await Promise.all(
      [...pages].map(async ([name, page]) => (await brokenLinks(name, page)).map((link) => `${name}: ${link}`)),
    )
    expect(broken.flat()).toEqual([])
  })

  it('has the same table of patterns in README and guide', () => {
    const heading = '## Which pattern when'
    const table = tableOf(pages.get('README.md'), heading)
    expect(table).toHaveLength(6)
    expect(table).toEqual(tableOf(pages.get('docs/guides/which-pattern.md'), `# Which pattern when`))
  })

  it('finds what is wrong', async () => {
    expect(
      commandsOf('`panda cronjob rnu x`\n```\nnpx panda ap list\n```').map((words) => [words, isCommand(words)]),
    ).toEqual([
      ['ap list', false],
      ['cronjob rnu', false],
    ])
    expect(
      await brokenLinks('README.md', '[a](docs/nothing.md) [b](docs/guides/apps.md#nothing) [c](docs/guides/apps.md)'),
    ).toEqual(['docs/nothing.md', 'docs/guides/apps.md#nothing'])
  })
})
