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
  /** Processes of its embedded PostgreSQL, now. */
  databasePids(): number[]
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
    databasePids: () => postgresOf(home.path),
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await home.remove()
    },
  }
}

/** The postmaster, which knows its folder, and its children. */
function postgresOf(home: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const facts = pids.flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      return [{ pid: Number(pid), parent, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }]
    } catch {
      return [] // it has ended meanwhile
    }
  })
  const master = facts.find(({ command }) => /postgres/.test(command) && command.includes(home))
  if (master === undefined) return []
  return [master.pid, ...facts.filter(({ parent }) => parent === master.pid).map(({ pid }) => pid)]
}

const TICKS_PER_SECOND = 100

/** User and system time of a living process, seconds. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
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
