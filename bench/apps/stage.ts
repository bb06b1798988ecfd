/** What the measurements of apps stand on: a compiled server in a process of its own, its figures, the file of results. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { readdirSync, readFileSync } from 'node:fs'
import { ServerProcess } from '../../test/chaos/server-process.ts'
import { Client } from '../../test/support/api-client.ts'
import { tempDir } from '../../test/support/temp-dir.ts'

export interface BenchServer extends AsyncDisposable {
  readonly api: Client
  readonly pid: number
  /** User and system time of its embedded PostgreSQL so far, seconds: of the backends that have ended, too. */
  databaseCpuSeconds(): number
}

/** `panda server` from the build, with an embedded PostgreSQL of its own. */
export async function startBenchServer(env: Readonly<Record<string, string>>): Promise<BenchServer> {
  const home = await tempDir('bench-home')
  const server = new ServerProcess({ home: home.path, env: { PANDA_LOG_LEVEL: 'warn', ...env } })
  const url = await server.start()
  const token = (await readFile(join(home.path, 'token'), 'utf8')).trim()
  const { pid } = server
  if (pid === undefined) throw new Error('the server has no process')
  return {
    api: new Client(url, token),
    pid,
    databaseCpuSeconds: () => postgresCpuSeconds(home.path),
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await home.remove()
    },
  }
}

const TICKS_PER_SECOND = 100

/** Of the postmaster, which knows its folder, of the children that it has waited for, and of those that live. */
function postgresCpuSeconds(home: string): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const facts = pids.flatMap((pid) => {
    try {
      const [parent, own, ended] = cpuOf(Number(pid))
      return [{ pid: Number(pid), parent, own, ended, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }]
    } catch {
      return [] // it has ended meanwhile
    }
  })
  const master = facts.find(({ command }) => /postgres/.test(command) && command.includes(home))
  if (master === undefined) return 0
  const living = facts.filter(({ parent }) => parent === master.pid)
  return master.own + master.ended + living.reduce((total, { own }) => total + own, 0)
}

/** @returns the parent, and seconds of user and system time: its own, and of the children that it has waited for */
function cpuOf(pid: number): [parent: number, own: number, ended: number] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const seconds = (at: number): number => ((fields[at] ?? 0) + (fields[at + 1] ?? 0)) / TICKS_PER_SECOND
  return [fields[1] ?? 0, seconds(11), seconds(13)]
}

/** User and system time of a living process, seconds. */
export function cpuSecondsOf(pid: number): number {
  return cpuOf(pid)[1]
}

export function rssMiBOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? Number.NaN) / 1024
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export function tidy(value: number): number {
  return Number(value.toPrecision(3))
}

/** Writes bench/results/NAME.json and shows it. */
export async function writeResult(name: string, report: Readonly<Record<string, unknown>>): Promise<void> {
  const machine = {
    cpus: cpus().length,
    model: cpus()[0]?.model,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    loadAtEnd: loadavg().map((load) => tidy(load)),
  }
  const text = `${JSON.stringify({ ...report, machine, measuredAt: new Date().toISOString() }, null, 2)}\n`
  const folder = new URL('../results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  await writeFile(new URL(`${name}.json`, folder), text)
  process.stdout.write(text)
}
