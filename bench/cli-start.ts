/**
 * What a start of `panda` costs beside a bare start of Node: in the same run, in turns, each a process of its own.
 * Goals: `panda --version` within 2 ×, `panda cronjob list` with 1,000 cronjobs within 4 × of `node -e 0`.
 * The list is one call to the server; what it takes alone is measured beside it.
 *
 *   npm run build && npx tsx --conditions=source bench/cli-start.ts
 *
 * Writes bench/results/cli-start.json.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ServerProcess } from '../test/chaos/server-process.ts'
import { Client } from '../test/support/api-client.ts'
import { tempDir } from '../test/support/temp-dir.ts'

const ROUNDS = 41
const CRONJOBS = 1000
const panda = fileURLToPath(new URL('../packages/cli/bin/panda.js', import.meta.url))

type Measured = Readonly<Record<string, () => Promise<number>>>

async function main(): Promise<void> {
  const home = await tempDir('bench-cli')
  const server = new ServerProcess({ home: home.path, env: { PANDA_RUNTIME: 'fake' } })
  try {
    const url = await server.start()
    const token = (await readFile(join(home.path, 'token'), 'utf8')).trim()
    const api = new Client(url, token)
    await fill(api)
    const env = { PATH: process.env['PATH'], HOME: home.path, PANDA_URL: url, PANDA_TOKEN: token }
    const program =
      (...args: string[]) =>
      () =>
        elapsed(args, env)
    const measured: Measured = {
      node: program('-e', '0'),
      version: program(panda, '--version'),
      help: program(panda, '--help'),
      status: program(panda, 'status'),
      list: program(panda, 'cronjob', 'list'),
      listJson: program(panda, 'cronjob', 'list', '-o', 'json'),
      serverShareOfList: () => pages(api),
    }
    report(await inTurns(measured))
  } finally {
    await server.stop()
    await home.remove()
  }
}

async function fill(api: Client): Promise<void> {
  for (let index = 0; index < CRONJOBS; index++) {
    const name = `cronjob-${String(index).padStart(4, '0')}`
    await api.ok('POST', '/v1/cronjobs', { name, image: 'your-org/mailer:latest', schedule: '0 8 * * 1' })
  }
}

/** In turns, so that what else the machine does hits all alike. */
async function inTurns(measured: Measured): Promise<Record<string, number[]>> {
  const times: Record<string, number[]> = {}
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, measure] of Object.entries(measured)) (times[name] ??= []).push(await measure())
  }
  return times
}

/** Milliseconds from spawn to the end of a process that must succeed. */
async function elapsed(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  child.stdout.resume()
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
  return performance.now() - startedAt
}

async function pages(api: Client): Promise<number> {
  const startedAt = performance.now()
  let count = 0
  for (let cursor: string | null = ''; cursor !== null;) {
    const query = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page: { items: unknown[]; nextCursor: string | null } = await api.ok('GET', `/v1/cronjobs?limit=1000${query}`)
    count += page.items.length
    cursor = page.nextCursor
  }
  if (count !== CRONJOBS) throw new Error(`${count} cronjobs were answered`)
  return performance.now() - startedAt
}

function report(times: Readonly<Record<string, readonly number[]>>): void {
  const figures = Object.fromEntries(
    Object.entries(times).map(([name, values]) => {
      const sorted = values.toSorted((a, b) => a - b)
      const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 10) / 10
      return [name, { medianMs: at(0.5), p10Ms: at(0.1), p90Ms: at(0.9) }]
    }),
  )
  const node = figures['node']?.medianMs ?? Number.NaN
  const ratios = Object.fromEntries(
    Object.entries(figures).map(([name, { medianMs }]) => [name, Math.round((medianMs / node) * 100) / 100]),
  )
  const result = {
    claim: 'panda --version within 2 ×, panda cronjob list (1,000 cronjobs) within 4 × of `node -e 0`',
    met: { version: (ratios['version'] ?? Infinity) <= 2, list: (ratios['list'] ?? Infinity) <= 4 },
    ratiosOfMediansToNode: ratios,
    figures,
    configuration: { rounds: ROUNDS, cronjobs: CRONJOBS, stdout: 'pipe', server: 'own process, embedded PostgreSQL' },
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 1024 ** 3),
      node: process.version,
      loadAverage1m: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    },
    at: new Date().toISOString(),
  }
  const text = `${JSON.stringify(result, null, 2)}\n`
  mkdirSync(new URL('results/', import.meta.url), { recursive: true })
  writeFileSync(new URL('results/cli-start.json', import.meta.url), text)
  process.stdout.write(text)
}

await main()
