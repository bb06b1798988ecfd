// Shared by quickstart and test: plain JavaScript, because nothing is installed yet when they start.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Runs a program with its output passed through; resolves with its exit code. No shell. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', ...options })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal ? 1 : (code ?? 1)))
  })
}

export async function mustRun(what, command, args, options) {
  const code = await run(command, args, options)
  if (code !== 0) throw new Error(`${what} failed: ${command} ${args.join(' ')} ended with exit code ${code}`)
}

/** npm names its own program in the environment of its scripts; else the one on the PATH. */
function npm(args) {
  const own = process.env.npm_execpath
  return own?.endsWith('npm-cli.js') ? [process.execPath, [own, ...args]] : ['npm', args]
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  throw new Error(
    `PandaStack needs Node.js 20.19 or newer, this is ${process.versions.node}. Install a newer one from your system or nodejs.org.`,
  )
}

/**
 * Installs the dependencies unless they are those of this lockfile already. `npm install`, not `npm ci`: see
 * CONTRIBUTING.md. Fails when the lockfile would change.
 */
export async function install() {
  const lock = join(ROOT, 'package-lock.json')
  const mark = join(ROOT, 'node_modules', '.panda-installed')
  const wanted = hash(lock)
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return false
  const [command, args] = npm(['install', '--no-audit', '--no-fund', '--loglevel=error'])
  await mustRun('Installing the dependencies', command, args)
  if (hash(lock) !== wanted)
    throw new Error('package-lock.json was changed by the installation: commit it or restore it, then start again')
  writeFileSync(mark, wanted)
  return true
}

export async function build() {
  await mustRun('The build', process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b'])
  // In a process of its own: esbuild is not installed yet when this file is loaded.
  await mustRun('Bundling the CLI', process.execPath, [join(ROOT, 'scripts/bundle-cli.mjs')])
}

function hash(file) {
  if (!existsSync(file) || !statSync(file).isFile()) throw new Error(`${file} is missing`)
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
