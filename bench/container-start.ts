/**
 * From the trigger to a container whose process has started: our driver beside the engine's own floor (the same create
 * and start as bare HTTP calls) and the `docker run --detach` of the command line, alternated in one run on one engine,
 * one at a time and eight at once. Nothing is done ahead but the image and the network, for all three.
 *
 *   npx tsx --conditions=source bench/container-start.ts
 */
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { createOptions } from '../packages/server/src/runtime/docker/create-options.ts'
import { DockerDriver } from '../packages/server/src/runtime/docker/docker-driver.ts'
import { networkName } from '../packages/server/src/runtime/docker/networks.ts'
import { quirksOf } from '../packages/server/src/runtime/docker/quirks.ts'
import type { UnitSpec } from '../packages/server/src/runtime/driver.ts'
import { unitName } from '../packages/server/src/runtime/driver.ts'
import { runProgram } from '../packages/server/src/store/embedded/run-program.ts'
import { privateDocker } from '../test/support/docker.ts'
import { testImage } from '../test/support/images.ts'
import { findProgram } from '../test/support/programs.ts'

const SINGLE_RUNS = Number(process.env['RUNS'] ?? 40)
const ROUNDS_OF_EIGHT = Number(process.env['ROUNDS'] ?? 8)
const TARGET_RATIO = 1.15

interface Way {
  readonly name: 'driver' | 'floor' | 'cli'
  start(unit: UnitSpec): Promise<void>
}

await using docker = await privateDocker()
const { socketPath } = docker
const driver = new DockerDriver({ endpoint: { kind: 'unix', path: socketPath } })
const { image } = await driver.ensureImage(await testImage('busybox', docker.engine), { pull: 'never', auth: null })
const installation = `bench-${randomBytes(4).toString('hex')}`
const network = networkName(installation, 'default')
const cli = await findProgram('docker')

function newUnit(): UnitSpec {
  const run = `run_${randomBytes(8).toString('hex')}`
  const labels = { installation, project: 'default', kind: 'run', resource: 'bench', run, attempt: 1 } as const
  const limits = { env: {}, memoryBytes: 512 * 1024 ** 2, cpus: 1, graceMs: 10_000 }
  return { name: unitName(run, 1), labels, image, entrypoint: null, command: ['true'], ...limits }
}

async function post(path: string, body: object | null): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const call = request({ socketPath, method: 'POST', path, headers }, (response) => {
      const good = (response.statusCode ?? 500) < 300
      response.resume().once('end', () => (good ? resolve() : reject(new Error(`${path}: ${response.statusCode}`))))
    })
    call.once('error', reject).end(body === null ? undefined : JSON.stringify(body))
  })
}

function cliArguments(unit: UnitSpec): string[] {
  const limits = [
    '--memory',
    '512m',
    '--memory-swap',
    '512m',
    '--cpus',
    '1',
    '--pids-limit',
    '512',
    '--ulimit',
    'core=0',
  ]
  const rights = ['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--init']
  const log = ['--log-opt', 'max-size=64m', '--log-opt', 'max-file=4']
  const own = ['--name', unit.name, '--network', network, '--label', `panda.installation=${installation}`]
  const run = ['run', '--detach', '--pull', 'never', ...own, ...limits, ...rights, ...log]
  return ['--host', `unix://${socketPath}`, ...run, unit.image, ...(unit.command ?? [])]
}

const ways: Way[] = [
  { name: 'driver', start: async (unit) => void (await driver.start(unit)) },
  {
    name: 'floor',
    start: async (unit) => {
      await post(`/containers/create?name=${unit.name}`, createOptions(unit, network, quirksOf([])))
      await post(`/containers/${unit.name}/start`, null)
    },
  },
]
if (cli !== undefined) {
  ways.push({
    name: 'cli',
    start: async (unit) => {
      const { exitCode, output } = await runProgram(cli, cliArguments(unit))
      if (exitCode !== 0) throw new Error(output)
    },
  })
}

/** Starts at once what is to start; what comes after the start is outside the measured time. */
async function measure(way: Way, concurrency: number): Promise<number[]> {
  const units = Array.from({ length: concurrency }, newUnit)
  const times = await Promise.all(
    units.map(async (unit) => {
      const began = performance.now()
      await way.start(unit)
      return performance.now() - began
    }),
  )
  for (const unit of units) {
    await driver.wait(unit.name)
    await driver.remove(unit.name)
  }
  return times
}

async function series(concurrency: number, rounds: number) {
  const times: Record<Way['name'], number[]> = { driver: [], floor: [], cli: [] }
  // One round of each to warm up, then in turn, each time beginning with another one.
  for (const way of ways) await measure(way, concurrency)
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < ways.length; turn += 1) {
      const way = ways[(round + turn) % ways.length]
      if (way !== undefined) times[way.name].push(...(await measure(way, concurrency)))
    }
  }
  const [driverTimes, floorTimes, cliTimes] = [spread(times.driver), spread(times.floor), spread(times.cli)]
  return {
    concurrency,
    driver: driverTimes,
    floor: floorTimes,
    ...(cli === undefined ? {} : { cli: cliTimes, ratioCliToDriver: ratio(cliTimes.p50, driverTimes.p50) }),
    ratioToFloor: { p50: ratio(driverTimes.p50, floorTimes.p50), p99: ratio(driverTimes.p99, floorTimes.p99) },
    ownShareMs: Number((driverTimes.p50 - floorTimes.p50).toFixed(1)),
  }
}

function spread(times: readonly number[]) {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number) => Number((sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0).toFixed(1))
  return { n: sorted.length, minMs: at(0), p50: at(0.5), p99: at(0.99) }
}

function ratio(a: number, b: number): number {
  return Number((a / b).toFixed(3))
}

const loadAtStart = loadavg()[0]
const results = [await series(1, SINGLE_RUNS), await series(8, ROUNDS_OF_EIGHT)]
const report = {
  what: 'milliseconds from the trigger until the engine says that the process has started',
  target: `driver / floor at p50 <= ${TARGET_RATIO}`,
  met: results.every((result) => result.ratioToFloor.p50 <= TARGET_RATIO),
  doneAhead: 'image present, project network present',
  machine: {
    cpus: cpus().length,
    model: cpus()[0]?.model,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    engine: (await driver.info()).version,
    cli: cli === undefined ? null : (await runProgram(cli, ['--version'])).output.trim(),
    loadAtStart,
  },
  measuredAt: new Date().toISOString(),
  results,
}
await driver.cleanNetworks(installation)
await driver.close()
const folder = new URL('./results/', import.meta.url)
await mkdir(folder, { recursive: true })
await writeFile(new URL('container-start.json', folder), `${JSON.stringify(report, null, 2)}\n`)
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
