/** One file of results for each store, one shape: what was measured when, beside whom, under which load, against which goal. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'

export type StoreName = 'redis' | 'postgres'

const VERSIONS: Readonly<Record<StoreName, Record<string, string>>> = {
  redis: { store: 'Redis 7.0.15', rival: 'BullMQ 6.7.0', client: 'ioredis 6.0.0' },
  postgres: { store: 'PostgreSQL 18 (embedded)', rival: 'Graphile Worker 0.17.3', client: 'pg 8.23.1' },
}
const CONFIG: Readonly<Record<StoreName, Record<string, string>>> = {
  redis: { durability: 'appendonly, appendfsync everysec', bullmq: 'removeOnComplete, removeOnFail, no metrics' },
  postgres: {
    durability: 'fsync, synchronous_commit on',
    'graphile, batched': 'localQueue 500, completeJobBatchDelay 0, failJobBatchDelay 0',
    'graphile, defaults': 'no preset',
  },
}
const LESS_IS_BETTER = /^(ms|bytes|%)/

export interface Cell {
  readonly unit: string
  readonly goal: string
  /** Values of each contender, one a round. */
  readonly rounds: Readonly<Record<string, readonly number[]>>
  /** Of which contender to which others, e.g. `ours / bullmq`. */
  readonly ratios?: readonly (readonly [string, string])[]
  readonly note?: string
}

interface File {
  cells: Record<string, unknown>
}

/** Adds the cell to the store's file, or replaces it. */
export function record(store: StoreName, name: string, cell: Cell): void {
  const url = new URL(`../../results/queue-${store}.json`, import.meta.url)
  const { unit, goal, rounds, note } = cell
  const written = {
    at: new Date().toISOString(),
    loadAverage: os.loadavg().map((load) => Number(load.toFixed(2))),
    unit,
    goal,
    rounds: Math.max(...Object.values(rounds).map((values) => values.length)),
    medians: mapValues(rounds, (values) => tidy(quantile(values, 0.5))),
    best: mapValues(rounds, (values) => tidy(LESS_IS_BETTER.test(unit) ? Math.min(...values) : Math.max(...values))),
    ratios: Object.fromEntries((cell.ratios ?? []).map(([a, b]) => [`${a} / ${b}`, ratio(rounds[a], rounds[b])])),
    ...(note !== undefined && { note }),
  }
  const cells: Record<string, unknown> = { ...readCells(url), [name]: written }
  const machine = {
    cpus: os.cpus().length,
    model: os.cpus()[0]?.model,
    memory: os.totalmem(),
    kernel: os.release(),
    node: process.version,
  }
  const result = { machine, versions: VERSIONS[store], config: CONFIG[store], cells }
  mkdirSync(new URL('./', url), { recursive: true })
  writeFileSync(url, `${JSON.stringify(result, null, 2)}\n`)
  process.stdout.write(`${store}: ${name}: ${JSON.stringify({ ...written.medians, ...written.ratios })}\n`)
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The median of the ratios of each round: what else the machine did then hit both. */
function ratio(ours: readonly number[] = [], theirs: readonly number[] = []): number {
  const all = ours.map((value, round) => value / (theirs[round] ?? Number.NaN)).filter((one) => !Number.isNaN(one))
  return Number(quantile(all, 0.5).toFixed(2))
}

function tidy(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3))
}

function mapValues<A, B>(from: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, change(value)]))
}

function readCells(url: URL): Record<string, unknown> {
  try {
    return (JSON.parse(readFileSync(url, 'utf8')) as File).cells
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}
