// The CLI as its users start it: CommonJS, one small file that tells the version, one with all commands, and one for
// each library that only some of them need. Node 20 takes 15 ms to find and link the same code as ES modules, which is
// most of what a command costs.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const CLI = join(ROOT, 'packages/cli')
const OUT = join(CLI, 'dist/bundle')

/** Loaded when they are used: even code that never runs has to be read and parsed. */
const ON_DEMAND = {
  '@bomb.sh/tab': 'completion',
  '@clack/prompts': 'prompts',
  '@pandastack/contract': 'schemas',
  '@pandastack/sdk/schedule': 'schedule',
  cronstrue: 'schedule-words',
  yaml: 'yaml',
}

const COMMON = {
  absWorkingDir: CLI,
  bundle: true,
  write: false,
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  // The TypeScript source of our own packages, so that the bundle needs no other build before it.
  conditions: ['source'],
  // `await import()` becomes a require that waits: an import would find and link the file as an ES module.
  supported: { 'dynamic-import': false },
  minify: true,
  // Read for the stacks of PANDA_DEBUG=1 only, see bin/panda.js.
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'eof',
  logLevel: 'warning',
  // Code that looks for files beside it is for packages.ts.
  logOverride: { 'empty-import-meta': 'error' },
}

/** Imports that are found in a file of their own beside the bundle; a file of ours is named without its folder. */
const elsewhere = (files) => ({
  name: 'elsewhere',
  setup(builder) {
    builder.onResolve({ filter: /./ }, ({ path }) => {
      const name = path.startsWith('.') ? basename(path) : path
      return Object.hasOwn(files, name) ? { path: `./${files[name]}.cjs`, external: true } : undefined
    })
  },
})

const VERSION_FILE = {
  outfile: join(OUT, 'main.cjs'),
  entryPoints: ['src/main.ts'],
  plugins: [elsewhere({ 'start.ts': 'start' })],
}
const COMMANDS_FILE = {
  outfile: join(OUT, 'start.cjs'),
  entryPoints: ['src/start.ts'],
  plugins: [elsewhere({ ...ON_DEMAND, 'packages.ts': 'packages' })],
}
/** What stays a package of ES modules is imported as one. */
const PACKAGES_FILE = {
  outfile: join(OUT, 'packages.cjs'),
  entryPoints: ['src/packages.ts'],
  packages: 'external',
  supported: {},
}
const LIBRARY_FILES = Object.entries(ON_DEMAND).map(([specifier, name]) => ({
  outfile: join(OUT, `${name}.cjs`),
  stdin: { contents: `module.exports = require('${specifier}')`, resolveDir: CLI },
}))

/** All commands have less; a library that has slipped in costs every command 10 ms and more. Bytes. */
const COMMANDS_LIMIT = 280_000

/** Takes about 0.3 s. Writes only what has changed. @throws when the source cannot be bundled, or grows out of bounds */
export async function bundleCli() {
  const files = [VERSION_FILE, COMMANDS_FILE, PACKAGES_FILE, ...LIBRARY_FILES]
  const results = await Promise.all(files.map((file) => build({ ...COMMON, ...file })))
  const { length } = results[1].outputFiles.find(({ path }) => path === COMMANDS_FILE.outfile).contents
  if (length > COMMANDS_LIMIT) {
    throw new Error(`start.cjs has ${length} bytes, more than ${COMMANDS_LIMIT}: name the library in ON_DEMAND`)
  }
  mkdirSync(OUT, { recursive: true })
  for (const { path, text } of results.flatMap(({ outputFiles }) => outputFiles)) replace(path, text)
}

/** In one step: a `panda` that starts meanwhile reads the old file or the new one. */
function replace(path, text) {
  if (contentOf(path) === text) return
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, text)
  renameSync(draft, path)
}

function contentOf(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
