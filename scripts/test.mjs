// `npm test`: installs, builds, checks and tests everything from a fresh clone. Last line: `N passed, N failed`.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, checkNode, install, ROOT, run } from './lib/steps.mjs'

const bin = (name) => join(ROOT, 'node_modules', '.bin', name)
const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')

/** @type {[what: string, command: string, args: string[]][]} */
const CHECKS = [
  ['types of the tests', process.execPath, [tsc, '-p', 'tsconfig.test.json']],
  ['lint (type-aware)', bin('oxlint'), ['--type-aware', '--deny-warnings']],
  ['format', bin('oxfmt'), ['--check', '.']],
  ['unused files, exports and dependencies', bin('knip'), []],
]
const PROJECTS = ['unit', 'integration', 'e2e', 'chaos', 'chaos-alone']
/** Whose tests need the machine for themselves: one file at a time. */
const ALONE = new Set(['e2e', 'chaos-alone'])
/** A project that takes longer hangs: it is ended, and counts as failed. In ms. */
const PROJECT_LIMIT_MS = 25 * 60_000
const MEMORY = '/dev/shm'
const MEMORY_MIN_BYTES = 8 * 1024 ** 3

checkNode()
const startedAt = Date.now()
const seconds = () => `${Math.round((Date.now() - startedAt) / 1000)} s`
const total = { passed: 0, failed: 0 }

await install()
await build()
total.passed++

for (const [what, command, args] of CHECKS) {
  const code = await run(command, args)
  total[code === 0 ? 'passed' : 'failed']++
  console.log(`${code === 0 ? 'ok' : 'FAILED'}: ${what} (${seconds()})`)
}

const only = process.argv.slice(2)
const reports = mkdtempSync(join(tmpdir(), 'panda-test-'))
const memory = memoryFolder()
if (memory !== null) {
  process.env.TMPDIR = memory
  console.log(`databases, brokers and engines of the tests keep their files in memory: ${memory}`)
}
for (const project of PROJECTS.filter((name) => only.length === 0 || only.includes(name))) {
  const report = join(reports, `${project}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const limit = { timeout: PROJECT_LIMIT_MS, killSignal: 'SIGKILL' }
  const parallel = ALONE.has(project) ? ['--no-file-parallelism'] : []
  const code = await run(bin('vitest'), ['run', '--project', project, ...parallel, ...reporters], limit)
  add(report, code, project)
  console.log(`tests ${project}: exit code ${code} (${seconds()})`)
}
for (const folder of [reports, memory]) if (folder !== null) rmSync(folder, { recursive: true, force: true })

console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 && total.passed > CHECKS.length + 1 ? 0 : 1)

/** A run that ends badly without a failed test (an unhandled rejection, a leak found by the teardown) is a failure too. */
function add(report, code, project) {
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'))
    total.passed += result.numPassedTests
    total.failed += result.numFailedTests
    const skipped = result.numPendingTests + result.numTodoTests
    if (skipped > 0) console.log(`${skipped} tests of ${project} were skipped; see their written reasons above`)
    if (code !== 0 && result.numFailedTests === 0) total.failed++
  } catch (error) {
    console.log(`no report of ${project}: ${error.message}`)
    total.failed++
  }
}

/**
 * Where Linux has room in memory, the tests' temporary files go there: they make and drop some thousand databases, and each
 * waits for the disk. What is tested writes and syncs as ever. Null = the system's temp folder.
 */
function memoryFolder() {
  if (process.env.TMPDIR !== undefined || !existsSync(MEMORY)) return null
  const { bavail, bsize } = statfsSync(MEMORY)
  if (bavail * bsize < MEMORY_MIN_BYTES || freemem() < MEMORY_MIN_BYTES) return null
  const folder = mkdtempSync(join(MEMORY, 'panda-test-'))
  // Others pass through it: as root, PostgreSQL runs as another user.
  chmodSync(folder, 0o711)
  return folder
}
