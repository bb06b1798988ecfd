/**
 * Memory of one server process over 20,000 runs (fake runtime, embedded PostgreSQL, three log lines and a retry now and
 * then): heap and resident set after a full garbage collection must not grow with the number of runs. Growth is the mean
 * of the last quarter of the samples against that of the first, which has the start-up in it.
 *
 *   npx tsx --conditions=source bench/memory-growth.ts [RUNS]
 *
 * Writes bench/results/memory-growth.json. Takes about RUNS / 120 seconds.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { mkdir, mkdtemp, rm, chmod, writeFile } from 'node:fs/promises'
import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from '../test/support/api-client.ts'

const RUNS = Number(process.argv[2] ?? 20_000)
const CRONJOBS = 120
const SAMPLES = 40
const LIMIT = 1.2
const MIB = 1024 ** 2

interface Sample {
  readonly runs: number
  readonly heapMiB: number
  readonly rssMiB: number
  readonly externalMiB: number
}

async function main(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'panda-memory-'))
  // Root's PostgreSQL runs as another user, who has to get in.
  await chmod(dir, 0o711)
  const [home, fakeDir] = [join(dir, 'home'), join(dir, 'fake')]
  await Promise.all([home, fakeDir].map((path) => mkdir(path, { mode: 0o711 })))
  const server = fork(fileURLToPath(new URL('memory-growth/server.ts', import.meta.url)), [home, fakeDir], {
    execArgv: ['--expose-gc', '--import', 'tsx', '--conditions=source'],
  })
  const ended = once(server, 'exit')
  try {
    const { ready } = await told(server, 'ready')
    const samples = await drive(server, new Client(ready.url, ready.token))
    await report(samples)
  } finally {
    if (server.connected) server.disconnect()
    await ended
    await rm(dir, { recursive: true, force: true })
  }
}

/** A tick each second for each cronjob; a sample for every fortieth part of the runs. */
async function drive(server: ChildProcess, api: Client): Promise<Sample[]> {
  for (let index = 0; index < CRONJOBS; index++) await api.ok('POST', '/v1/cronjobs', cronjob(index))
  const samples: Sample[] = []
  while (samples.length < SAMPLES) {
    const runs = await endedRuns(api)
    if (runs < ((samples.length + 1) * RUNS) / SAMPLES) await delay(200)
    else samples.push({ runs, ...(await sample(server)) })
  }
  return samples
}

function cronjob(index: number): object {
  const fails = index % 20 === 0
  return {
    name: `every-second-${index}`,
    image: 'fake.test/program:1',
    schedule: '* * * * * *',
    command: ['after', `${100 + (index % 5) * 100}ms`, 'exit', fails ? '1' : '0', 'log', '3'],
    concurrency: 'allow',
    retry: { attempts: fails ? 2 : 1, backoff: { kind: 'fixed', delay: '1s' } },
    keep: 20,
  }
}

/** By the server's own counter. */
async function endedRuns(api: Client): Promise<number> {
  const text = await (await api.fetch('GET', '/metrics')).text()
  let count = 0
  for (const [, value] of text.matchAll(/^panda_runs_total\{[^}]*\} (\d+)$/gm)) count += Number(value)
  return count
}

interface Told {
  readonly ready: { readonly url: string; readonly token: string }
  readonly memory: NodeJS.MemoryUsage
}

/** The next message of that kind: the loader of TypeScript sends some of its own on the same channel. */
async function told<K extends keyof Told>(server: ChildProcess, kind: K): Promise<Pick<Told, K>> {
  for await (const [message] of on(server, 'message', { close: ['exit'] })) {
    const answer = message as Partial<Told>
    if (answer[kind] !== undefined) return answer as Pick<Told, K>
  }
  throw new Error(`the server ended before it told its ${kind}`)
}

async function sample(server: ChildProcess): Promise<Omit<Sample, 'runs'>> {
  const answer = told(server, 'memory')
  server.send('sample')
  const { memory } = await answer
  const mebibytes = (bytes: number): number => Math.round((bytes / MIB) * 10) / 10
  return {
    heapMiB: mebibytes(memory.heapUsed),
    rssMiB: mebibytes(memory.rss),
    externalMiB: mebibytes(memory.external),
  }
}

async function report(samples: readonly Sample[]): Promise<void> {
  const growth = { heap: growthOf(samples, 'heapMiB'), rss: growthOf(samples, 'rssMiB') }
  const passed = growth.heap.ratio < LIMIT && growth.rss.ratio < LIMIT
  const result = {
    claim: 'the memory of a server does not grow with the number of its runs: last quarter < 1.2 x first quarter',
    passed,
    growth,
    configuration: {
      runs: samples.at(-1)?.runs,
      cronjobs: CRONJOBS,
      samples: SAMPLES,
      collected: 'before each sample',
    },
    samples,
    measuredAt: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 1024 ** 3),
      node: process.version,
      loadAverage: loadavg().map((load) => Math.round(load * 10) / 10),
    },
  }
  await writeFile(new URL('results/memory-growth.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
  console.log(JSON.stringify({ passed, growth, last: samples.at(-1) }))
  if (!passed) process.exitCode = 1
}

function growthOf(samples: readonly Sample[], of: 'heapMiB' | 'rssMiB') {
  const quarter = Math.ceil(samples.length / 4)
  const mean = (part: readonly Sample[]): number => part.reduce((sum, each) => sum + each[of], 0) / part.length
  const round = (value: number): number => Math.round(value * 100) / 100
  const [first, last] = [mean(samples.slice(0, quarter)), mean(samples.slice(-quarter))]
  return { firstMiB: round(first), lastMiB: round(last), ratio: round(last / first) }
}

await main()
