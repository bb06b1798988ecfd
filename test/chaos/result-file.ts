import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'

type Figures = Readonly<Record<string, number | string | boolean>>

interface Results {
  readonly claim: string
  readonly tests: Readonly<Record<string, object>>
}

const FILE = join(import.meta.dirname, '../../bench/results/chaos-cronjobs.json')
const CLAIM =
  'servers, engine and database killed at random: no tick lost or doubled, each container started at most once, real exit codes (violations: 0)'

/** Puts a test's figures in place of those of its last full run; what the other tests have told stays. */
export function keepResult(test: string, figures: Figures): void {
  const former: Results = existsSync(FILE)
    ? (JSON.parse(readFileSync(FILE, 'utf8')) as Results)
    : { claim: CLAIM, tests: {} }
  const entry = { ...figures, measuredAt: new Date().toISOString(), machine: machine() }
  const tests = Object.fromEntries(
    Object.entries({ ...former.tests, [test]: entry }).toSorted(([a], [b]) => a.localeCompare(b)),
  )
  writeFileSync(FILE, `${JSON.stringify({ claim: CLAIM, tests }, null, 2)}\n`)
}

function machine(): object {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    loadAverage: loadavg().map((load) => Math.round(load * 10) / 10),
  }
}
