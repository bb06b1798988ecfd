import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, realpath } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dirname, '../..')
const EXAMPLES = ['signup-events', 'uploads', 'weekly-digest']

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
}

/**
 * Lays the examples as `npm install --omit=dev` in an image would: `app/uploads/worker.js` and so on, the SDK as it is
 * published (the build, so build first), and every package that they need, in `app/node_modules`.
 */
export async function layExamples(imageRoot: string): Promise<void> {
  const app = join(imageRoot, 'app')
  for (const example of EXAMPLES) await copy(join(root, 'examples', example), join(app, example))
  for (const folder of await packagesOf(EXAMPLES.map((example) => join(root, 'examples', example)))) {
    await copy(await realpath(folder), join(app, relative(root, folder)))
  }
}

/** Changes with whatever the examples would do: their own files, the built SDK, the locked packages. */
export async function examplesDigest(): Promise<string> {
  const hash = createHash('sha256').update(process.version)
  for (const folder of [...EXAMPLES.map((example) => `examples/${example}`), 'packages/sdk/dist']) {
    const names = (await readdir(join(root, folder), { recursive: true })).filter((name) => /\.(js|json)$/.test(name))
    for (const name of names.sort()) hash.update(name).update(await readFile(join(root, folder, name)))
  }
  return hash
    .update(await readFile(join(root, 'package-lock.json')))
    .digest('hex')
    .slice(0, 12)
}

/** The folders below node_modules of all that these need, found as Node finds them. */
async function packagesOf(folders: readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  const open = [...folders]
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const { dependencies = {} } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
    for (const name of Object.keys(dependencies)) {
      const place = locate(name, folder)
      if (found.has(place)) continue
      found.add(place)
      open.push(place)
    }
  }
  // What lies in the folder of another package comes with that.
  return [...found].filter((place) => relative(root, place).split('node_modules').length === 2)
}

function locate(name: string, from: string): string {
  for (let folder = from; folder.startsWith(root); folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name)
    if (existsSync(join(place, 'package.json'))) return place
  }
  throw new Error(`${name}, which ${relative(root, from)} needs, is not installed: npm install`)
}

/** Without what only developers read, and without the sources of the SDK, which is not published with them. */
async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  const isWorkspace = !from.includes('node_modules')
  await cp(from, to, {
    recursive: true,
    filter: (source) => {
      const path = relative(from, source)
      if (isWorkspace && /^(src|node_modules)(\/|$)/.test(path)) return false
      return !/\.(map|tsbuildinfo|d\.ts|md)$/.test(path)
    },
  })
}
