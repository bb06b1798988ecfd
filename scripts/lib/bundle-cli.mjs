// The CLI as its users start it: CommonJS, one small file that tells the version, one with all commands, and one for
// each library that only some of them need. Node 20 takes 15 ms to find and link the same code as ES modules, which is
// most of what a command costs.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
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
}

/** Imports that are found in a file of their own beside the bundle. */
const elsewhere = (files) => ({
  name: 'elsewhere',
  setup(builder) {
    builder.onResolve({ filter: /./ }, ({ path }) =>
      Object.hasOwn(files, path) ? { path: `./${files[path]}.cjs`, external: true } : undefined,
    )
  },
})

const VERSION_FILE = {
  outfile: join(OUT, 'main.cjs'),
  entryPoints: ['src/main.ts'],
  plugins: [elsewhere({ './start.ts': 'start' })],
}
const COMMANDS_FILE = {
  outfile: join(OUT, 'start.cjs'),
  entryPoints: ['src/start.ts'],
  plugins: [elsewhere({ ...ON_DEMAND, '@pandastack/server': 'server' })],
}
/** The server stays the package that it is, ES modules. */
const SERVER_FILE = {
  outfile: join(OUT, 'server.cjs'),
  stdin: {
    contents: `export const runServer = async (...args) => (await import('@pandastack/server')).runServer(...args)`,
    resolveDir: CLI,
  },
  external: ['@pandastack/server'],
  supported: {},
}
const LIBRARY_FILES = Object.entries(ON_DEMAND).map(([specifier, name]) => ({
  outfile: join(OUT, `${name}.cjs`),
  stdin: { contents: `module.exports = require('${specifier}')`, resolveDir: CLI },
}))

/** Takes about 0.3 s. Writes only what has changed. @throws when the source cannot be bundled */
export async function bundleCli() {
  const files = [VERSION_FILE, COMMANDS_FILE, SERVER_FILE, ...LIBRARY_FILES]
  const results = await Promise.all(files.map((file) => build({ ...COMMON, ...file })))
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
