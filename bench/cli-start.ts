import { execFileSync, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { setup } from '../test/support/global-setup.ts'
import { startTestServer } from '../test/support/server.ts'

/**
 * What a start of `panda` costs beside a bare start of Node, in the same run, alternating.
 * Build first; then: npx tsx --conditions source bench/cli-start.ts
 */
const ROUNDS = 41
const CRONJOBS = 1000
const panda = join(import.meta.dirname, '../packages/cli/bin/panda.js')

const release = await setup()
const server = await startTestServer({ config: { rateLimit: 0 } })
try {
  for (let index = 0; index < CRONJOBS; index++) {
    const name = `cronjob-${String(index).padStart(4, '0')}`
    await server.api.ok('POST', '/v1/cronjobs', { name, image: 'your-org/mailer:latest', schedule: '0 8 * * 1' })
  }
  // The server lives in this process, which therefore must stay free to answer while a command runs.
  const env = {
    PATH: process.env['PATH'],
    PANDA_URL: server.url,
    PANDA_TOKEN: server.token,
    PANDA_HOME: '/nonexistent',
  }
  const commands = {
    node: ['-e', '0'],
    version: [panda, '--version'],
    help: [panda, '--help'],
    list: [panda, 'cronjob', 'list'],
    listJson: [panda, 'cronjob', 'list', '-o', 'json'],
  }
  const times: Record<string, number[]> = {}
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, args] of Object.entries(commands)) (times[name] ??= []).push(await measure(args, env))
  }
  const medians = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]))
  const node = medians['node'] ?? Number.NaN
  const ratios = Object.fromEntries(Object.entries(medians).map(([name, value]) => [name, round(value / node)]))
  const result = {
    claim: 'panda --version within 2 times, panda cronjob list (1,000 cronjobs) within 4 times of `node -e 0`',
    machine: { cpu: cpus()[0]?.model, cores: cpus().length, memoryGiB: Math.round(totalmem() / 1024 ** 3) },
    versions: {
      node: process.version,
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    },
    configuration: { rounds: ROUNDS, cronjobs: CRONJOBS, output: 'pipe', server: 'in the measuring process' },
    mediansMs: medians,
    p90Ms: Object.fromEntries(Object.entries(times).map(([name, values]) => [name, quantile(values, 0.9)])),
    ratiosToNode: ratios,
    met: { version: (ratios['version'] ?? Infinity) <= 2, list: (ratios['list'] ?? Infinity) <= 4 },
  }
  const folder = join(import.meta.dirname, 'results')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'cli-start.json'), `${JSON.stringify(result, null, 2)}\n`)
  console.log(JSON.stringify(result, null, 2))
} finally {
  await server[Symbol.asyncDispose]()
  await release()
}

/** Milliseconds from spawn to the end of a process that must succeed. */
async function measure(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.resume()
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
  return performance.now() - startedAt
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN)
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
