import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'

type Figures = Readonly<Record<string, number | string | boolean>>

interface Results {
  readonly claim: string
  readonly tests: Readonly<Record<string, object>>
}

export interface ResultFile {
  /** In bench/results. */
  readonly name: string
  readonly claim: string
}

export const CRONJOB_RESULTS: ResultFile = {
  name: 'chaos-cronjobs.json',
  claim:
    'servers, engine and database killed at random: no tick lost or doubled, each container started at most once, real exit codes (violations: 0)',
}

export const QUEUE_RESULTS: ResultFile = {
  name: 'chaos-queue.json',
  claim:
    'workers and stores killed, networks cut, workers stopped for longer than their lease, at random: no job lost or doubled, no result accepted twice, no more starts than the dead held, all jobs of a dead worker running again within 15 s',
}

export const EVENT_RESULTS: ResultFile = {
  name: 'chaos-events.json',
  claim:
    'broker, consumers and publishers killed and connections cut at random, with outbox and inbox: no event lost, no effect doubled, dead letters exactly the poison',
}

/** Puts a test's figures in place of those of its last full run; what the other tests have told stays. */
export function keepResult({ name, claim }: ResultFile, test: string, figures: Figures): void {
  const file = join(import.meta.dirname, '../../bench/results', name)
  const former: Results = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : { claim, tests: {} }
  const entry = { ...figures, measuredAt: new Date().toISOString(), machine: machine() }
  const tests = Object.fromEntries(
    Object.entries({ ...former.tests, [test]: entry }).toSorted(([a], [b]) => a.localeCompare(b)),
  )
  writeFileSync(file, `${JSON.stringify({ claim, tests }, null, 2)}\n`)
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
